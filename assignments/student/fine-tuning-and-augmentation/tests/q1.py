from otter.test_files import test_case

OK_FORMAT = False

name = "q1"
points = 4

@test_case(points=1, hidden=False, 
    success_message="In a flat model, the convolution can be trained and batch normalisation cannot.", 
    failure_message="Print layer.name and layer.trainable for every layer of a small model after your function has run. Which flag is not the one you want?")
def test_q1_flat_model_in_place(ready_to_fine_tune):
    import keras
    layers = [keras.layers.Conv2D(3, 3, name='filters'), keras.layers.BatchNormalization(name='normalise')]
    model = keras.Sequential([keras.Input((8, 8, 1)), *layers, keras.layers.Flatten(), keras.layers.Dense(2, name='head')])
    model.trainable = False
    ready_to_fine_tune(model)
    assert model.get_layer('filters').trainable, 'the convolution cannot be trained'
    assert model.get_layer('head').trainable, 'the head cannot be trained'
    assert not model.get_layer('normalise').trainable, 'batch normalisation can be trained'

