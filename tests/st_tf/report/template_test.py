import pathlib
import re

import jinja2
import pytest

from st_tf.report import template


def test_what_a_page_forgets_to_give_is_an_error():
  with pytest.raises(jinja2.UndefinedError):
    template.load('comparison.html').render(template.parts())


def test_every_table_scrolls_where_it_is_wider_than_a_phone_and_what_is_stacked_there_has_titles():
  text = (pathlib.Path(template.__file__).with_name('templates') / 'page.html').read_text()
  assert text.count('<table') == text.count('<div class="scroll">\n<table') > 4
  for table in re.findall(r'<table class="[^"]*(?:cards|layers)[^"]*">(.*?)</table>', text, re.DOTALL):
    body = table.partition('<tbody>')[2]
    untitled = [cell for cell in re.findall(r'<td[^>]*>', body) if 'data-title' not in cell and cell != '<td>' and 'bar' not in cell]
    assert not untitled
