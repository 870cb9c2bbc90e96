import jinja2
import pytest

from st_tf.report import template


def test_what_a_page_forgets_to_give_is_an_error():
  with pytest.raises(jinja2.UndefinedError):
    template.load('comparison.html').render(template.parts())
