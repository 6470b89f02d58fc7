"""Random changes of training images: what Keras has, by name, and what it lacks.

Keras 3.13 to 3.15 has layers for flip, rotation, zoom, crop, translation,
shear, perspective, brightness, contrast, hue, saturation, grey, blur,
sharpness, elastic deformation, erasing, RandAugment, AugMix, MixUp and CutMix;
``keras.layers.GaussianNoise`` serves for noise (its standard deviation is in units of
its input). None of these is written anew here but one: gamma is missing, hence :class:`RandomGamma`, and
Keras' elastic deformation mixes up the images of a batch in ``fit``, hence :class:`RandomElastic`.
"""

from .catalogue import CATALOGUE, Augmentation, combined, make, standard
from .elastic import RandomElastic
from .gamma import RandomGamma
from .views import views

__all__ = ["CATALOGUE", "Augmentation", "RandomElastic", "RandomGamma", "combined", "make", "standard", "views"]
