for (const table of document.querySelectorAll('table.sortable')) {
  const heads = [...table.tHead.rows[0].cells];
  const sort = (head, column) => {
    const rising = head.ariaSort === 'descending' || (!head.ariaSort && !head.classList.contains('number'));
    for (const other of heads) other.removeAttribute('aria-sort');
    head.ariaSort = rising ? 'ascending' : 'descending';
    const key = row => row.cells[column].dataset.value ?? row.cells[column].textContent;
    const rows = [...table.tBodies[0].rows].sort((a, b) => key(a).localeCompare(key(b), 'en', {numeric: true}));
    const numbers = head.classList.contains('number');
    if (numbers) rows.sort((a, b) => key(a) - key(b));
    table.tBodies[0].append(...(rising ? rows : rows.reverse()));
  };
  heads.forEach((head, column) => {
    head.tabIndex = 0;
    head.onclick = () => sort(head, column);
    head.onkeydown = event => event.key === 'Enter' && sort(head, column);
  });
}
