"""The report of a run: one self-contained page that a person who did not run it can read."""

from collections.abc import Mapping, Sequence
import pathlib
from typing import Any

from markupsafe import Markup

from st_tf import files, wording
from st_tf.models import cost
from st_tf.models.cost import LayerCost
from st_tf.report import confused, costs, curves, densities, generations, ink, page, survivors, template, trade_off, verdict
from st_tf.task import Sample
from st_tf.task.mistakes import Mistake
from st_tf.ticket import Ticket

_HEAVIEST_LAYERS = 12
_SHOWN_WRONG = 50


def write(
  directory: str | pathlib.Path,
  ticket: Ticket,
  history: Sequence[Mapping[str, Any]],
  samples: Sequence[Sample] = (),
  tickets: Sequence[Ticket] = (),
  dense_history: Sequence[Mapping[str, Any]] = (),
  layers: Sequence[LayerCost] | None = None,
  model_file: str | pathlib.Path | None = None,
  exports: Sequence[Sequence[str]] = (),
  wrong: Sequence[Mistake] = (),
) -> pathlib.Path:
  """Writes `index.html` into `directory`, which is made if need be, and returns its path.

  Args:
    directory: where the page goes.
    ticket: what the page is about.
    history: rows of the run's metrics file.
    samples: test images with the ticket's answers.
    tickets: all tickets of the run, `ticket` included or not.
    dense_history: rows of a dense run of the same length, to compare with.
    layers: cost of each layer of the ticket; measured where not given.
    model_file: the ticket's .tflite file.
    exports: what is known of its files for phones, in rows, of which the first says what of each; the file to ship is the next.
    wrong: test pictures that it classifies wrongly, the surest answer first.
  """
  if layers is None:
    layers = cost.of(ticket.network, ticket.masks).layers
  path = pathlib.Path(directory).absolute() / 'index.html'
  of_ticket = pathlib.Path(model_file).absolute().parent if model_file else path.parent.parent
  content = _content(ticket, list(history), list(dense_history or ()), tickets, layers) | {
    **template.parts(),
    'samples': samples,
    'wrong': wrong[:_SHOWN_WRONG],
    'more_wrong': len(wrong[_SHOWN_WRONG:]),
    'exports': exports,
    'tiles': page.tiles(ticket, exports),
    'copy': wording.size(pathlib.Path(model_file).stat().st_size) if model_file else '',
    'folder': '/'.join(of_ticket.parts[-2:]),
    'headline': page.headline(ticket, dense_history or ()),
  }
  path.parent.mkdir(parents=True, exist_ok=True)
  files.write_text(path, template.load('page.html').render(content).lstrip())
  return path


def _content(
  ticket: Ticket,
  history: list[Mapping[str, Any]],
  dense_history: list[Mapping[str, Any]],
  tickets: Sequence[Ticket],
  layers: Sequence[LayerCost],
) -> dict[str, Any]:
  metric, per_class = ticket.task.primary_metric, ticket.metrics.get('per_class', {})
  network = survivors.network(ticket.supernet, ticket.arch, ticket.head, ticket.survivors, ticket.input_shape[:2])
  others = [other for other in tickets if other.fingerprint != ticket.fingerprint]
  rows = page.ticket_rows([ticket, *others], metric)
  return {
    'ticket': ticket,
    'title': wording.task_title(ticket.task.name),
    'confusion': confused.of(ticket),
    'metric': metric,
    'ticket_rows': rows,
    'epochs': len(curves.epochs(history)),
    'course': page.course(history),
    'moved': page.moved(ticket),
    'verdict': verdict.verdict(ticket, history),
    'score_title': wording.score_title(metric),
    'reductions': [*page.reductions(ticket.cost), *page.beaten(ticket)],
    'classes': page.classes(per_class, page.class_metric(per_class)),
    'class_title': wording.score_title(page.class_metric(per_class)),
    'settings': page.settings(ticket.provenance.config),
    'origin': page.origin(ticket),
    'network': network,
    'stages': page.stages(network),
    'survival': page.survival(network),
    'evolution': generations.told(generations.evolved(ticket.provenance.trials), metric),
    'layers': layers,
    'heaviest': sorted(layers, key=lambda layer: -layer.macs)[:_HEAVIEST_LAYERS],
    'figures': _figures(ticket, history, dense_history, rows, layers),
  }


def _figures(
  ticket: Ticket,
  history: list[Mapping[str, Any]],
  dense_history: list[Mapping[str, Any]],
  rows: Sequence[Mapping[str, Any]],
  layers: Sequence[LayerCost],
) -> dict[str, Markup]:
  metric = ticket.task.primary_metric
  saved = [(row['sparsity'], row['validation']) for row in rows if row['validation'] is not None]
  config = ticket.provenance.config
  target_ms = config.get('target_latency_ms') or 0
  target = 0 if target_ms else config.get('target_macs') or 0
  # What does not change over a run is no curve.
  searched, pruned = any(row.get('penalty') for row in history), len({row.get('sparsity') for row in curves.epochs(history)}) > 1
  target = target if searched else 0
  evolved = generations.evolved(ticket.provenance.trials)
  figures = {
    'Loss': curves.loss(history),
    wording.score_title(metric): curves.accuracy(history, metric, dense_history),
    'Learning rate': curves.learning_rate(history),
    'Penalty on the importance factors': curves.penalty(history) if searched else None,
    'Score and sparsity over the run': curves.sparsity(history, metric),
    'Score against sparsity': trade_off.draw(history, metric, saved) if pruned else None,
    'MACs': curves.macs(history, ticket.cost.supernet_macs, target * ticket.cost.supernet_macs if target <= 1 else target),
    'Latency by the table': curves.latency(history, target_ms),
    'MACs by part': costs.macs(layers),
    'Population over the generations': generations.population(evolved, metric),
    'Family of the winner': generations.family(evolved, metric),
  }
  if ticket.masks:
    table = densities.table(ticket.masks, ticket.supernet, ticket.head)
    figures['Density'] = densities.density(table, 1 - ticket.sparsity)
  return {title: Markup(ink.svg(figure, title)) for title, figure in figures.items() if figure is not None}
