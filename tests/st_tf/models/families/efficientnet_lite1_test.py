from tests.networks import published_millions


def test_it_has_as_many_parameters_as_published():
  assert published_millions('efficientnet_lite1') == 5.4
