"""mobilenet_like and se_residual: small networks of the parts that image models are made of."""

import keras

from rows.network import Network, normal, rows, save_independent, save_network, seeded

layers = keras.layers
SIDE = 12


def make(out_dir):
    yield make_mobilenet_like(out_dir)
    yield make_se_residual(out_dir)


def make_mobilenet_like(out_dir):
    """images: float [-1,12,12,3] → scores: float [-1,5] (softmax)."""
    random = seeded()
    stack = [
        layers.Rescaling(1 / 127.5, offset=-1),
        layers.ZeroPadding2D(1),
        layers.Conv2D(6, 3, strides=2, use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(6.0),
        layers.DepthwiseConv2D(3, padding="same", use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(6.0),
        layers.Conv2D(8, 1, use_bias=False),
        layers.BatchNormalization(),
        layers.SeparableConv2D(10, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(2),
        layers.GlobalAveragePooling2D(),
        layers.Dense(5, activation="softmax"),
    ]
    sample = 255 * random.random((4, SIDE, SIDE, 3), "float32")
    return save_network(out_dir, "mobilenet_like", stack, rows("images", [SIDE, SIDE, 3]), sample)


def make_se_residual(out_dir):
    """images: float [-1,12,12,3] → scores: float [-1,5]: squeeze-and-excitation and a residual, as in EfficientNet."""
    random = seeded()
    images = keras.Input((SIDE, SIDE, 3))
    stem = layers.Conv2D(6, 3, padding="same", activation="swish")(layers.Normalization(mean=0.5, variance=2.0)(images))
    expanded = layers.Conv2D(12, 1, use_bias=False)(stem)
    expanded = layers.Activation("swish")(layers.BatchNormalization()(expanded))
    expanded = layers.DepthwiseConv2D(5, padding="same", use_bias=False)(expanded)
    squeezed = layers.Reshape((1, 1, 12))(layers.GlobalAveragePooling2D()(expanded))
    excited = layers.Conv2D(12, 1, activation="sigmoid")(layers.Conv2D(3, 1, activation="swish")(squeezed))
    projected = layers.Conv2D(6, 1)(layers.multiply([expanded, excited]))
    joined = layers.add([stem, layers.Dropout(0.2, noise_shape=(None, 1, 1, 1))(projected)])
    pooled = layers.AveragePooling2D(3, padding="same")(layers.UpSampling2D(2)(joined))
    network = keras.Model(images, layers.Dense(5)(layers.Flatten()(pooled)))
    module = Network(lambda x: {"scores": network(x)}, [rows("images", [SIDE, SIDE, 3])], network.variables)
    return save_independent(out_dir, "se_residual", module, {"images": normal(random, 4, SIDE, SIDE, 3)})
