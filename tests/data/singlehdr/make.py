"""Writes ``golden.npz`` beside this file: a tiny SingleHDR run by TensorFlow, under its authors' variable names.

Needs TensorFlow (pip install 'headroom-hdr[tensorflow]'); the tests that read the file do not. The network is written
here a second time, from TensorFlow's own operations, so that what TensorFlow does otherwise than torch is in it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

DEQUANTIZE = (2, 3, 3, 4, 4)
REFINE = (2, 3, 3, 3, 3)
HALLUCINATE = (4, 4, 6, 6, 6)
LINEARIZE = 2
EMOR = Path(__file__).parents[3] / "core" / "headroom" / "emor.npz"
SEED = 5

rng = np.random.default_rng(SEED)
variables: dict[str, np.ndarray] = {}


def variable(name: str, shape: tuple[int, ...], scale: float, centre: float = 0.0) -> tf.Tensor:
    if name not in variables:
        variables[name] = (centre + scale * rng.standard_normal(shape)).astype(np.float32)
    return tf.constant(variables[name])


def picture(height: int, width: int) -> np.ndarray:
    """8-bit codes with slopes, edges, a blown patch and some noise: rows and columns tell themselves apart."""
    y, x = np.mgrid[:height, :width] / 32.0
    waves = [0.5 + 0.4 * np.sin(a * x + b * y * y) * np.cos(c * y) for a, b, c in ((2, 1, 3), (5, 2, 1), (1, 4, 2))]
    codes = np.stack(waves, -1) + 0.03 * rng.standard_normal((height, width, 3))
    codes[height // 4 : height // 2, width // 3 :] *= 1.8
    return np.rint(codes.clip(0, 1) * 255).astype(np.uint8)


def conv(x, name, size, outputs, stride=1, padding="SAME", kernel="kernel", bias="bias", gain=1.0):
    inputs = x.shape[-1]
    w = variable(f"{name}/{kernel}", (size, size, inputs, outputs), gain * (2.0 / (size * size * inputs)) ** 0.5)
    y = tf.nn.conv2d(x, w, stride, padding)
    return y + variable(f"{name}/{bias}", (outputs,), 0.1) if bias else y


def norm(x, name, eps):
    width = (x.shape[-1],)
    beta, gamma = variable(f"{name}/beta", width, 0.2), variable(f"{name}/gamma", width, 0.2, 1.0)
    mean = variable(f"{name}/moving_mean", width, 0.3)
    if f"{name}/moving_variance" not in variables:  # so small that epsilon tells
        variables[f"{name}/moving_variance"] = rng.uniform(1e-3, 0.5, width).astype(np.float32)
    variance = tf.constant(variables[f"{name}/moving_variance"])
    return tf.nn.batch_normalization(x, mean, variance, beta, gamma, eps)


def unet(x, scope, widths, kernels):
    count = iter(range(99))

    def step(x, outputs, size):
        number = next(count)
        return conv(x, f"{scope}/conv2d" + (f"_{number}" if number else ""), size, outputs)

    def leaky(x):
        return tf.nn.leaky_relu(x, 0.1)

    skips = []
    for level, (width, size) in enumerate(zip(widths, kernels, strict=True)):
        if level:
            skips.append(x)
            x = tf.nn.avg_pool2d(x, 2, 2, "VALID")
        x = leaky(step(leaky(step(x, width, size)), width, size))
    for width, skip in zip(widths[-2::-1], skips[::-1], strict=True):
        size = [2 * x.shape[1], 2 * x.shape[2]]
        x = tf.raw_ops.ResizeBilinear(images=x, size=size, align_corners=False, half_pixel_centers=False)
        x = leaky(step(x, width, 3))
        x = leaky(step(tf.concat([x, skip], -1), width, 3))
    return step(x, 3, 3)


def linearize(x):
    scope = "crf_feature_net"
    edges = tf.reshape(tf.image.sobel_edges(x), [*x.shape[:3], 6])
    histograms = [
        tf.concat([tf.nn.relu(1 - tf.abs(x - i / float(b)) * float(b)) for i in range(b + 1)], -1) for b in (4, 8, 16)
    ]

    def part(x, name, size, outputs, stride=1, relu=True):
        x = conv(x, f"{scope}/res{name}", size, outputs, stride, kernel="weights", bias=None)
        x = norm(x, f"{scope}/bn{name}/BatchNorm", 1e-3)
        return tf.nn.relu(x) if relu else x

    x = tf.concat([x, edges, *histograms], -1)
    x = conv(x, f"{scope}/conv1", 7, LINEARIZE, 2, kernel="weights", bias="biases")
    x = tf.nn.relu(norm(x, f"{scope}/bn_conv1/BatchNorm", 1e-3))
    x = tf.nn.max_pool2d(x, 3, 2, "SAME")
    for block, narrow in (("2a", 1), ("2b", 1), ("2c", 1), ("3a", 2), ("3b", 2)):
        width, stride = LINEARIZE * narrow, 2 if block == "3a" else 1
        y = part(x, f"{block}_branch2a", 1, width, stride)
        y = part(part(y, f"{block}_branch2b", 3, width), f"{block}_branch2c", 1, 4 * width, relu=False)
        if block.endswith("a"):
            x = part(x, f"{block}_branch1", 1, 4 * width, stride, relu=False)
        x = tf.nn.relu(x + y)
    feature = tf.reduce_mean(x, [1, 2])
    name = "ae_invcrf_decode_net/dense"
    scale = 0.5 / float(tf.reduce_max(tf.abs(feature)))  # weights that bend the curve and leave it rising
    kernel, bias = variable(f"{name}/kernel", (8 * LINEARIZE, 11), scale), variable(f"{name}/bias", (11,), 0.02)
    weights = feature @ kernel + bias
    with np.load(EMOR) as table:
        curve = table["g0"] + weights @ table["hinv"][:11]
    steps = curve[:, 1:] - curve[:, :-1]
    steps = steps + tf.nn.relu(-tf.reduce_min(steps, -1, keepdims=True))
    steps = steps / tf.reduce_sum(steps, -1, keepdims=True)
    return tf.pad(tf.cumsum(steps, axis=-1), [[0, 0], [1, 0]])


def applied(x, curve):
    position = x * 1023.0
    low = tf.floor(position)
    flat = [tf.reshape(part, [x.shape[0], -1]) for part in (position, low)]
    index = tf.cast(flat[1], tf.int32)
    first = tf.gather(curve, index, batch_dims=1)
    second = tf.gather(curve, tf.minimum(index + 1, 1023), batch_dims=1)
    return tf.reshape((flat[1] + 1 - flat[0]) * first + (flat[0] - flat[1]) * second, x.shape)


def hallucinate(x):
    scope = "Hallucination_Net"
    names = {"kernel": "W_conv2d", "bias": "b_conv2d"}

    def fuse(x, skip, name):
        return conv(tf.concat([x, skip / 255.0], -1), f"{scope}/{name}", 1, x.shape[-1], **names)

    scaled = 255.0 * x
    red, green, blue = tf.split(scaled, 3, 3)
    y = tf.concat([blue - 103.939, green - 116.779, red - 123.68], 3)
    skips = [scaled]
    for block, (width, depth) in enumerate(zip(HALLUCINATE, (2, 2, 3, 3, 3), strict=True), 1):
        for index in range(1, depth + 1):
            y = tf.nn.relu(conv(y, f"{scope}/encoder/h{block}/conv_{index}", 3, width, **names))
        skips.append(y)
        y = tf.nn.max_pool2d(y, 2, 2, "SAME")
    y = conv(y, f"{scope}/encoder/h6/conv", 3, HALLUCINATE[-1], **names, gain=0.02)
    y = tf.nn.relu(norm(y, f"{scope}/encoder/h6/batch_norm", 1e-5))
    for step, width in enumerate(HALLUCINATE[::-1], 1):
        if step > 1:
            y = fuse(y, skips[7 - step], f"decoder/h{step}/fuse_skip_connection")
        name = f"{scope}/decoder/h{step}/decon2d"
        size = [2 * y.shape[1], 2 * y.shape[2]]
        y = tf.raw_ops.ResizeNearestNeighbor(images=y, size=size, align_corners=False, half_pixel_centers=False)
        y = tf.pad(y, [[0, 0], [1, 1], [1, 1], [0, 0]], "REFLECT")
        y = tf.nn.relu(conv(y, name, 3, width, padding="VALID", **names))
        y = tf.nn.relu(norm(y, f"{name}/batch_norm_dc", 1e-5))
    y = fuse(y, skips[1], "decoder/h6/fuse_skip_connection")
    y = conv(y, f"{scope}/decoder/h7/conv2d", 1, 3, **names)
    y = tf.nn.relu(norm(y, f"{scope}/decoder/h7/batch_norm", 1e-5))
    return tf.nn.relu(fuse(y, skips[0], "decoder/h7/fuse_skip_connection"))


def main() -> None:
    stored = {"x": picture(64, 32)[None], "odd": picture(37, 50)[None]}
    x, odd = (tf.constant(stored[name] / np.float32(255)) for name in ("x", "odd"))
    codes = tf.clip_by_value(x + tf.tanh(unet(x, "Dequantization_Net", DEQUANTIZE, (7, 5, 3, 3, 3))), 0, 1)
    curve = linearize(codes)
    linear = applied(codes, curve)
    mask = tf.clip_by_value((tf.reduce_max(linear, 3, keepdims=True) - 1.0 + 0.12) / 0.12, 0, 1)
    light = linear + mask * hallucinate(linear)
    joined = tf.concat([light, linear, codes], -1)
    refined = tf.nn.relu(light + unet(joined, "Refinement_Net", REFINE, (7, 5, 3, 3, 3)))
    outputs = {
        "dequantized": codes, "curve": curve, "linear": linear, "hallucinated": light, "refined": refined,
        "odd_curve": linearize(odd),
    }  # fmt: skip
    stored |= {name: np.asarray(value) for name, value in outputs.items()}
    np.savez_compressed(
        Path(__file__).with_name("golden.npz"), **{f"out:{name}": value for name, value in stored.items()}, **variables
    )


if __name__ == "__main__":
    main()
