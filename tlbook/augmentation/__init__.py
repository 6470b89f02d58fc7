"""Random changes of training images: what Keras has, by name, and what it lacks.

Keras 3.13 to 3.15 has layers for flip, rotation, zoom, crop, translation,
shear, perspective, brightness, contrast, hue, saturation, grey, blur,
sharpness, elastic deformation, erasing, RandAugment, AugMix, MixUp and CutMix;
``keras.layers.GaussianNoise`` serves for noise (its standard deviation is in units of
its input). None of these is written anew here. Gamma is missing, hence :class:`RandomGamma`.
"""

from .catalogue import CATALOGUE, Augmentation, combined, make, standard
from .gamma import RandomGamma
from .views import views

__all__ = ["CATALOGUE", "Augmentation", "RandomGamma", "combined", "make", "standard", "views"]
