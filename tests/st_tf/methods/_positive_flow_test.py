from st_tf.methods._positive_flow import positive_flow
def test_the_positive_flow_is_linear_in_every_layer():
  trainer = tiny.trainer(tiny.SPECK, searching=False)
  weights, output = first_mask.positive_flow(trainer)
  assert set(weights) == set(first_mask.weights(trainer)) and all(weight.dtype == 'float64' for weight in weights.values())
  first = float(output())
  assert first > 0 and all((weight.numpy() >= 0).all() for weight in weights.values())
  weight = weights['head/last/kernel']
  weight.assign(3 * weight)
  # Everything goes through this layer, and its batch norm adds nothing; the classifier's bias is zero.
  assert float(output()) == pytest.approx(3 * first, rel=1e-12)
