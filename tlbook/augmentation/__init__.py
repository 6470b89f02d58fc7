"""Random changes of training images: the layers of Keras by name, and two of our own.

Keras 3.13 to 3.15 has layers for flip, rotation, zoom, crop, translation,
shear, perspective, brightness, contrast, hue, saturation, grey, blur,
sharpness, elastic deformation, erasing, RandAugment, AugMix, MixUp and CutMix;
``keras.layers.GaussianNoise`` serves for noise (its standard deviation is in units of
its input). Two layers are implemented here: :class:`RandomGamma`, which
Keras lacks, and :class:`RandomElastic`, since Keras' elastic deformation mixes up the images of a batch in ``fit``.
"""

from tlbook.augmentation.catalogue import CATALOGUE, Augmentation, combined, make, standard
from tlbook.augmentation.elastic import RandomElastic
from tlbook.augmentation.gamma import RandomGamma
from tlbook.augmentation.views import views

__all__ = ["CATALOGUE", "Augmentation", "RandomElastic", "RandomGamma", "combined", "make", "standard", "views"]
