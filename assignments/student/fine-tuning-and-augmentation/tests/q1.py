from otter.test_files import test_case

OK_FORMAT = False

name = "q1"
points = 4

@test_case(points=1, hidden=False, 
    success_message="In a model with a model in it, the convolutions can be trained and batch normalisation cannot.", 
    failure_message="Print layer.name and layer.trainable for every layer of a small model after your function has run, also for the layers of a model in it. Which flag is not the one you want, and which line of yours set it last?")
def test_q1_example_in_place(ready_to_fine_tune):
    import keras
    layers = [keras.layers.Conv2D(3, 3, name='filters'), keras.layers.BatchNormalization(name='normalise')]
    deeper = [keras.layers.Conv2D(2, 3, name='filters'), keras.layers.BatchNormalization(name='normalise')]
    inside = keras.Sequential([keras.Input((6, 6, 3)), *deeper], name='inside')
    model = keras.Sequential([keras.Input((8, 8, 1)), *layers, inside, keras.layers.Flatten(), keras.layers.Dense(2, name='head')])
    model.trainable = False
    ready_to_fine_tune(model)
    assert model.trainable and inside.trainable, 'a model itself is still frozen, whatever its layers are'
    assert model.get_layer('head').trainable, 'the head cannot be trained'
    for where, whole in (('', model), (' of the model inside', inside)):
        assert whole.get_layer('filters').trainable, f'the convolution{where} cannot be trained'
        assert not whole.get_layer('normalise').trainable, f'the batch normalisation{where} can be trained'

