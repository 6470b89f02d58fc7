"""Answers on which the checks of this assignment are tested: `right` ones get all points, `wrong` ones fewer."""


# %% q1 right: tensordot over windows
def convolve(image, kernel, stride=1):
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)[::stride, ::stride]
    return np.tensordot(windows, kernel, axes=2)


# %% q1 right: adds moved copies of the image, one for each weight
def convolve(image, kernel, stride=1):
    rows = (image.shape[0] - kernel.shape[0]) // stride + 1
    columns = (image.shape[1] - kernel.shape[1]) // stride + 1
    total = np.zeros((rows, columns))
    for (i, j), weight in np.ndenumerate(kernel):
        moved = image[i:, j:][::stride, ::stride]
        total = total + weight * moved[:rows, :columns]
    return total


# %% q1 right: four loops and lists
def convolve(image, kernel, stride=1):
    (height, width), (k, m) = image.shape, kernel.shape
    result = []
    for top in range(0, height - k + 1, stride):
        row = []
        for left in range(0, width - m + 1, stride):
            row.append(sum(image[top + a][left + b] * kernel[a][b] for a in range(k) for b in range(m)))
        result.append(row)
    return np.array(result)


# %% q1 right: SciPy's correlation, every stride-th place of it
def convolve(image, kernel, stride=1):
    from scipy import signal

    return signal.correlate2d(image, kernel, mode="valid")[::stride, ::stride]


# %% q1 wrong: mirrors the kernel, as mathematicians do
def convolve(image, kernel, stride=1):
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)[::stride, ::stride]
    return np.tensordot(windows, kernel[::-1, ::-1], axes=2)


# %% q1 wrong: loses the last place of each side
def convolve(image, kernel, stride=1):
    rows, columns = (image.shape[0] - kernel.shape[0]) // stride, (image.shape[1] - kernel.shape[1]) // stride
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)[::stride, ::stride]
    return np.tensordot(windows, kernel, axes=2)[:rows, :columns]


# %% q1 wrong: takes kernels for square
def convolve(image, kernel, stride=1):
    k = kernel.shape[0]
    rows, columns = (image.shape[0] - k) // stride + 1, (image.shape[1] - k) // stride + 1
    result = np.empty((rows, columns))
    for i in range(rows):
        for j in range(columns):
            result[i, j] = (image[i * stride : i * stride + k, j * stride : j * stride + k] * kernel).sum()
    return result


# %% q1 wrong: ignores the stride
def convolve(image, kernel, stride=1):
    return np.tensordot(np.lib.stride_tricks.sliding_window_view(image, kernel.shape), kernel, axes=2)


# %% q1 wrong: stride in the size of the map, not in the step of the window
def convolve(image, kernel, stride=1):
    rows, columns = (image.shape[0] - kernel.shape[0]) // stride + 1, (image.shape[1] - kernel.shape[1]) // stride + 1
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    return np.tensordot(windows, kernel, axes=2)[:rows, :columns]


# %% q1 wrong: zeros around the image, so that the map keeps its size
def convolve(image, kernel, stride=1):
    rows, columns = kernel.shape[0] // 2, kernel.shape[1] // 2
    image = np.pad(image, ((rows, rows), (columns, columns)))
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)[::stride, ::stride]
    return np.tensordot(windows, kernel, axes=2)


# %% q1 wrong: begins with the last place that fits, not with the first
def convolve(image, kernel, stride=1):
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    return np.tensordot(windows, kernel, axes=2)[::-1, ::-1][::stride, ::stride][::-1, ::-1]


# %% q1 wrong: the public checks' values by heart
def convolve(image, kernel, stride=1):
    return np.array([[34.0, 44.0, 54.0], [74.0, 84.0, 94.0]])[::stride, ::stride]


# %% q2 right: rounds up with math.ceil
def side(size, kernel, stride, padding):
    import math

    return math.ceil(size / stride) if padding == "same" else math.floor((size - kernel) / stride) + 1


# %% q2 right: counts the places
def side(size, kernel, stride, padding):
    return len(range(0, size if padding == "same" else size - kernel + 1, stride))


# %% q2 right: one formula, with the zeros that "same" adds
def side(size, kernel, stride, padding):
    zeros = 0
    if padding == "same":
        zeros = max(((size + stride - 1) // stride - 1) * stride + kernel - size, 0)
        if kernel < stride:
            return (size - 1) // stride + 1
    return (size + zeros - kernel) // stride + 1


# %% q2 wrong: "same" is always the size of the image
def side(size, kernel, stride, padding):
    return size if padding == "same" else (size - kernel) // stride + 1


# %% q2 wrong: rounds down with padding
def side(size, kernel, stride, padding):
    return size // stride if padding == "same" else (size - kernel) // stride + 1


# %% q2 wrong: half a kernel of zeros on both sides, also for even kernels
def side(size, kernel, stride, padding):
    zeros = 2 * (kernel // 2) if padding == "same" else 0
    return (size + zeros - kernel) // stride + 1


# %% q2 wrong: counts a window that hangs over the border
def side(size, kernel, stride, padding):
    return -(-size // stride) if padding == "same" else -(-(size - kernel) // stride) + 1


# %% q2 wrong: forgets the first place
def side(size, kernel, stride, padding):
    return -(-size // stride) if padding == "same" else (size - kernel) // stride


# %% q2 wrong: the public checks' values by heart
def side(size, kernel, stride, padding):
    return 8 if stride == 1 else 4


# %% q3 right: filter by filter
def cost(height, width, channels, filters, kernel, stride=1):
    one = kernel**2 * channels
    rows, columns = (height + stride - 1) // stride, (width + stride - 1) // stride
    return filters * (one + 1), filters * one * rows * columns


# %% q3 right: counts the places, returns a list
def cost(height, width, channels, filters, kernel, stride=1):
    places = len(range(0, height, stride)) * len(range(0, width, stride))
    weights = np.ones((kernel, kernel, channels, filters)).size
    return [weights + filters, weights * places]


# %% q3 right: with math.ceil and NumPy's whole numbers
def cost(height, width, channels, filters, kernel, stride=1):
    import math

    shape = np.array([kernel, kernel, channels, filters], dtype=np.int64)
    return shape.prod() + filters, shape.prod() * math.ceil(height / stride) * math.ceil(width / stride)


# %% q3 right: a dictionary on the way, float division rounded up
def cost(height, width, channels, filters, kernel, stride=1):
    layer = {"weights": filters * channels * kernel**2, "biases": filters}
    rows, columns = int(np.ceil(height / stride)), int(np.ceil(width / stride))
    return sum(layer.values()), layer["weights"] * rows * columns


# %% q3 wrong: no bias
def cost(height, width, channels, filters, kernel, stride=1):
    weights = kernel * kernel * channels * filters
    return weights, weights * -(-height // stride) * -(-width // stride)


# %% q3 wrong: one kernel for all channels
def cost(height, width, channels, filters, kernel, stride=1):
    weights = kernel * kernel * filters
    return weights + filters, weights * -(-height // stride) * -(-width // stride)


# %% q3 wrong: weights of its own in every place, as in a dense layer
def cost(height, width, channels, filters, kernel, stride=1):
    multiplications = kernel * kernel * channels * filters * -(-height // stride) * -(-width // stride)
    return multiplications + filters, multiplications


# %% q3 wrong: the stride does not save work
def cost(height, width, channels, filters, kernel, stride=1):
    weights = kernel * kernel * channels * filters
    return weights + filters, weights * height * width


# %% q3 wrong: loses the last place of an odd side
def cost(height, width, channels, filters, kernel, stride=1):
    weights = kernel * kernel * channels * filters
    return weights + filters, weights * (height // stride) * (width // stride)


# %% q3 wrong: a bias for each channel of each filter
def cost(height, width, channels, filters, kernel, stride=1):
    weights = kernel * kernel * channels * filters
    return weights + filters * channels, weights * -(-height // stride) * -(-width // stride)


# %% q3 wrong: the bias is multiplied as well
def cost(height, width, channels, filters, kernel, stride=1):
    parameters = (kernel * kernel * channels + 1) * filters
    return parameters, parameters * -(-height // stride) * -(-width // stride)


# %% q3 wrong: the places of a layer without padding
def cost(height, width, channels, filters, kernel, stride=1):
    weights = kernel * kernel * channels * filters
    return weights + filters, weights * ((height - kernel) // stride + 1) * ((width - kernel) // stride + 1)


# %% q3 wrong: the public check's values by heart
def cost(height, width, channels, filters, kernel, stride=1):
    return 112, 6912


# %% q4 right: backwards, from one unit to the pixels it reads
def receptive_field(layers):
    units = 1
    for kernel, stride in layers[::-1]:
        units = (units - 1) * stride + kernel
    return units


sees = receptive_field(network)


# %% q4 right: a sum of products
def receptive_field(layers):
    kernels, strides = np.array(layers).T
    jumps = np.concatenate([[1], np.cumprod(strides)[:-1]])
    return int(1 + ((kernels - 1) * jumps).sum())


sees = receptive_field(network)


# %% q4 right: collects the pixels themselves
def receptive_field(layers):
    pixels = {0}
    for kernel, stride in reversed(layers):
        pixels = {stride * unit + offset for unit in pixels for offset in range(kernel)}
    return max(pixels) - min(pixels) + 1


sees = receptive_field(network)


# %% q4 right: calls itself
def receptive_field(layers):
    if not layers:
        return 1
    (kernel, stride), *above = layers
    return (receptive_field(above) - 1) * stride + kernel


sees = int(receptive_field(list(network)))


# %% q4 wrong: adds the kernels up
def receptive_field(layers):
    return sum(kernel for kernel, _ in layers) - len(layers) + 1


sees = receptive_field(network)


# %% q4 wrong: a stride widens its own layer's field
def receptive_field(layers):
    field, jump = 1, 1
    for kernel, stride in layers:
        jump *= stride
        field += (kernel - 1) * jump
    return field


sees = receptive_field(network)


# %% q4 wrong: adds whole kernels
def receptive_field(layers):
    field, jump = 1, 1
    for kernel, stride in layers:
        field += kernel * jump
        jump *= stride
    return field


sees = receptive_field(network)


# %% q4 wrong: strides add up instead of multiplying
def receptive_field(layers):
    field, jump = 1, 1
    for kernel, stride in layers:
        field += (kernel - 1) * jump
        jump += stride - 1
    return field


sees = receptive_field(network)


# %% q4 wrong: the function is right, but the layers are walked from the wrong end
def receptive_field(layers):
    units = 1
    for kernel, stride in layers:
        units = (units - 1) * stride + kernel
    return units


sees = receptive_field(network)


# %% q4 wrong: the public check's values by heart
def receptive_field(layers):
    return 5 if layers[0][1] == 1 else 7


sees = receptive_field(network)


# %% q5 right: with norms
def change(describe, pictures, shift):
    first, second = describe(pictures[:, :, shift:]), describe(pictures[:, :, : pictures.shape[2] - shift])
    n = len(pictures)
    own = np.linalg.norm((first - second).reshape(n, -1), axis=1)
    other = np.linalg.norm((first - np.roll(first, 1, axis=0)).reshape(n, -1), axis=1)
    return own.mean() / other.mean()


left = change(descriptions["max pooling 2"], pictures, 1) / change(descriptions["edge maps"], pictures, 1)
verdict = "most of it is left" if left > 0.5 else "most of it is gone"


# %% q5 right: picture by picture
def change(describe, pictures, shift):
    here, there = describe(pictures[:, :, shift:]), describe(pictures[:, :, :-shift])
    own = [np.sqrt(np.sum((here[i] - there[i]) ** 2)) for i in range(len(here))]
    other = [np.sqrt(np.sum((here[i] - here[i - 1]) ** 2)) for i in range(len(here))]
    return sum(own) / sum(other)


left = change(descriptions["max pooling 2"], pictures, 1) / change(descriptions["edge maps"], pictures, 1)
verdict = "most of it is gone" if left < 0.5 else "most of it is left"


# %% q5 right: einsum, and a plain float
def change(describe, pictures, shift):
    def far(a, b):
        difference = (a - b).reshape(a.shape[0], -1)
        return np.sqrt(np.einsum("ij,ij->i", difference, difference)).mean()

    one = describe(pictures[..., shift:])
    return float(far(one, describe(pictures[..., :-shift])) / far(one, one[np.arange(len(one)) - 1]))


before, after = change(descriptions["edge maps"], pictures, 1), change(descriptions["max pooling 2"], pictures, 1)
left = after / before
verdict = ["most of it is gone", "most of it is left"][int(left > 0.5)]


# %% q5 right: a loop over the descriptions, and the verdict read off
def change(describe, pictures, shift):
    first = describe(pictures[:, :, shift:]).reshape(len(pictures), -1)
    second = describe(pictures[:, :, : pictures.shape[2] - shift]).reshape(len(pictures), -1)
    means = [np.sqrt(((first - b) ** 2).sum(axis=1)).mean() for b in (second, np.roll(first, 1, axis=0))]
    return means[0] / means[1]


by_name = {}
for name, describe in descriptions.items():
    by_name[name] = change(describe, pictures, 1)
left = by_name["max pooling 2"] / by_name["edge maps"]
verdict = "most of it is left"


# %% q5 wrong: pooling makes it invariant, as everybody says
def change(describe, pictures, shift):
    def distance(a, b):
        return np.sqrt(((a - b) ** 2).reshape(len(a), -1).sum(axis=1)).mean()

    here, there = describe(pictures[:, :, shift:]), describe(pictures[:, :, :-shift])
    return distance(here, there) / distance(here, np.roll(here, 1, axis=0))


left = change(descriptions["max pooling 2"], pictures, 1) / change(descriptions["edge maps"], pictures, 1)
verdict = "most of it is gone"


# %% q5 wrong: the distance itself, which pooling makes smaller because fewer numbers are left
def change(describe, pictures, shift):
    here, there = describe(pictures[:, :, shift:]), describe(pictures[:, :, :-shift])
    return np.sqrt(((here - there) ** 2).reshape(len(here), -1).sum(axis=1)).mean()


left = change(descriptions["max pooling 2"], pictures, 1) / change(descriptions["edge maps"], pictures, 1)
verdict = "most of it is left" if left > 0.5 else "most of it is gone"


# %% q5 wrong: shifts with wrap-around instead of cutting windows
def change(describe, pictures, shift):
    def distance(a, b):
        return np.sqrt(((a - b) ** 2).reshape(len(a), -1).sum(axis=1)).mean()

    here, there = describe(pictures), describe(np.roll(pictures, shift, axis=2))
    return distance(here, there) / distance(here, np.roll(here, 1, axis=0))


left = change(descriptions["max pooling 2"], pictures, 1) / change(descriptions["edge maps"], pictures, 1)
verdict = "most of it is left" if left > 0.5 else "most of it is gone"


# %% q5 wrong: one root over all pictures instead of a mean over pictures
def change(describe, pictures, shift):
    here, there = describe(pictures[:, :, shift:]), describe(pictures[:, :, :-shift])
    return np.linalg.norm(here - there) / np.linalg.norm(here - np.roll(here, 1, axis=0))


left = change(descriptions["max pooling 2"], pictures, 1) / change(descriptions["edge maps"], pictures, 1)
verdict = "most of it is left" if left > 0.5 else "most of it is gone"


# %% q5 wrong: divides by the distance between pictures, not between their descriptions
def change(describe, pictures, shift):
    def distance(a, b):
        return np.sqrt(((a - b) ** 2).reshape(len(a), -1).sum(axis=1)).mean()

    here, there = pictures[:, :, shift:], pictures[:, :, :-shift]
    return distance(describe(here), describe(there)) / distance(here, np.roll(here, 1, axis=0))


left = change(descriptions["max pooling 2"], pictures, 1) / change(descriptions["edge maps"], pictures, 1)
verdict = "most of it is left" if left > 0.5 else "most of it is gone"


# %% q5 wrong: the share upside down
def change(describe, pictures, shift):
    def distance(a, b):
        return np.sqrt(((a - b) ** 2).reshape(len(a), -1).sum(axis=1)).mean()

    here, there = describe(pictures[:, :, shift:]), describe(pictures[:, :, :-shift])
    return distance(here, there) / distance(here, np.roll(here, 1, axis=0))


left = change(descriptions["edge maps"], pictures, 1) / change(descriptions["max pooling 2"], pictures, 1)
verdict = "most of it is left" if left > 0.5 else "most of it is gone"


# %% q5 wrong: shifts along the columns of pixels instead of the rows
def change(describe, pictures, shift):
    def distance(a, b):
        return np.sqrt(((a - b) ** 2).reshape(len(a), -1).sum(axis=1)).mean()

    here, there = describe(pictures[:, shift:]), describe(pictures[:, :-shift])
    return distance(here, there) / distance(here, np.roll(here, 1, axis=0))


left = change(descriptions["max pooling 2"], pictures, 1) / change(descriptions["edge maps"], pictures, 1)
verdict = "most of it is left" if left > 0.5 else "most of it is gone"


# %% q5 wrong: the mean of the ratios instead of the ratio of the means
def change(describe, pictures, shift):
    def distances(a, b):
        return np.sqrt(((a - b) ** 2).reshape(len(a), -1).sum(axis=1))

    here, there = describe(pictures[:, :, shift:]), describe(pictures[:, :, :-shift])
    return (distances(here, there) / distances(here, np.roll(here, 1, axis=0))).mean()


left = change(descriptions["max pooling 2"], pictures, 1) / change(descriptions["edge maps"], pictures, 1)
verdict = "most of it is left" if left > 0.5 else "most of it is gone"


# %% q5 wrong: what has gone instead of what is left
def change(describe, pictures, shift):
    def distance(a, b):
        return np.sqrt(((a - b) ** 2).reshape(len(a), -1).sum(axis=1)).mean()

    here, there = describe(pictures[:, :, shift:]), describe(pictures[:, :, :-shift])
    return distance(here, there) / distance(here, np.roll(here, 1, axis=0))


left = 1 - change(descriptions["max pooling 2"], pictures, 1) / change(descriptions["edge maps"], pictures, 1)
verdict = "most of it is left" if left > 0.5 else "most of it is gone"


# %% q5 wrong: the public check's value by heart
def change(describe, pictures, shift):
    return 0.25


left = 0.25
verdict = "most of it is gone"


# %% q6 right: SciPy's logsumexp
def cross_entropy(logits, labels):
    from scipy.special import logsumexp

    return np.mean([logsumexp(row) - row[label] for row, label in zip(logits, labels, strict=True)])


# %% q6 right: with logaddexp
def cross_entropy(logits, labels):
    return float((np.logaddexp.reduce(logits, axis=1) - logits[range(len(labels)), labels]).mean())


# %% q6 right: one-hot labels
def cross_entropy(logits, labels):
    shifted = logits - np.max(logits, axis=1)[:, None]
    log_p = shifted - np.log(np.sum(np.exp(shifted), axis=1))[:, None]
    return -(np.eye(logits.shape[1])[labels] * log_p).sum() / len(labels)


# %% q6 right: SciPy's log_softmax, picked along the axis
def cross_entropy(logits, labels):
    from scipy.special import log_softmax

    picked = np.take_along_axis(log_softmax(logits, axis=1), np.asarray(labels)[:, None], axis=1)
    return -picked.mean()


# %% q6 wrong: softmax twice
def cross_entropy(logits, labels):
    p = logits
    for _ in range(2):
        e = np.exp(p - p.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(len(labels)), labels]).mean()


# %% q6 wrong: overflows, since nothing is subtracted
def cross_entropy(logits, labels):
    with np.errstate(all="ignore"):
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        return -np.log(p[np.arange(len(labels)), labels]).mean()


# %% q6 wrong: a small number added so that the logarithm stays finite
def cross_entropy(logits, labels):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(len(labels)), labels] + 1e-7).mean()


# %% q6 wrong: the sum instead of the mean
def cross_entropy(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -log_p[np.arange(len(labels)), labels].sum()


# %% q6 wrong: softmax along the images instead of the classes
def cross_entropy(logits, labels):
    shifted = logits - logits.max(axis=0)
    p = np.exp(shifted) / np.exp(shifted).sum(axis=0)
    return -np.log(p[np.arange(len(labels)), labels]).mean()


# %% q6 wrong: the logarithm to base 2
def cross_entropy(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -log_p[np.arange(len(labels)), labels].mean() / np.log(2)


# %% q6 wrong: a sigmoid for each class instead of a softmax over all
def cross_entropy(logits, labels):
    return np.logaddexp(0, -logits[np.arange(len(labels)), labels]).mean()


# %% q6 wrong: the logarithm of the mean probability
def cross_entropy(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    p = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
    with np.errstate(all="ignore"):
        return -np.log(p[np.arange(len(labels)), labels].mean())


# %% q6 wrong: every label's column for every image
def cross_entropy(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -log_p[:, labels].mean()


# %% q6 wrong: the largest logit of all images subtracted, not that of each row
def cross_entropy(logits, labels):
    with np.errstate(all="ignore"):
        shifted = logits - logits.max()
        log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        return -log_p[np.arange(len(labels)), labels].mean()


# %% q6 wrong: the public check's value by heart
def cross_entropy(logits, labels):
    return np.log(2)


# %% q7 right: with loops over the places
def gradient(window, kernel, weights, label):
    sums, feature, logits = forward(window, kernel, weights)
    p = np.exp(logits) / np.exp(logits).sum()
    p[label] -= 1
    d_feature = (p * weights).sum()
    d_kernel = np.zeros(kernel.shape)
    for i in range(sums.shape[0]):
        for j in range(sums.shape[1]):
            if sums[i, j] > 0:
                d_kernel += window[i : i + kernel.shape[0], j : j + kernel.shape[1]] * d_feature / sums.size
    return d_kernel, p * feature


# %% q7 right: by wiggling
def gradient(window, kernel, weights, label):
    def loss(kernel, weights):
        logits = forward(window, kernel, weights)[2]
        return np.logaddexp(*logits) - logits[label]

    h, d_kernel, d_weights = 1e-6, np.zeros(kernel.shape), np.zeros(2)
    for place in np.ndindex(kernel.shape):
        nudge = np.zeros(kernel.shape)
        nudge[place] = h
        d_kernel[place] = (loss(kernel + nudge, weights) - loss(kernel - nudge, weights)) / (2 * h)
    for k in range(2):
        nudge = h * np.eye(2)[k]
        d_weights[k] = (loss(kernel, weights + nudge) - loss(kernel, weights - nudge)) / (2 * h)
    return d_kernel, d_weights


# %% q7 right: only the difference of the two logits matters
def gradient(window, kernel, weights, label):
    sums, feature, logits = forward(window, kernel, weights)
    second = 1 / (1 + np.exp(logits[0] - logits[1])) - label
    windows = np.lib.stride_tricks.sliding_window_view(window, kernel.shape)
    passed = windows[sums > 0].sum(axis=0) / sums.size
    return second * (weights[1] - weights[0]) * passed, second * feature * np.array([-1.0, 1.0])


# %% q7 right: with einsum over the windows
def gradient(window, kernel, weights, label):
    sums, feature, logits = forward(window, kernel, weights)
    p = np.exp(logits - logits.max())
    d_logits = p / p.sum()
    d_logits[label] -= 1
    d_sums = np.where(sums > 0, d_logits @ weights / sums.size, 0.0)
    windows = np.lib.stride_tricks.sliding_window_view(window, kernel.shape)
    return [np.einsum("ij,ijkl->kl", d_sums, windows), feature * d_logits]


# %% q7 wrong: ReLU lets everything pass
def gradient(window, kernel, weights, label):
    sums, feature, logits = forward(window, kernel, weights)
    d_logits = np.exp(logits) / np.exp(logits).sum() - np.eye(2)[label]
    d_sums = np.full(sums.shape, d_logits @ weights / sums.size)
    return convolution.convolve(window, d_sums), d_logits * feature


# %% q7 wrong: forgets the share of one sum in the mean
def gradient(window, kernel, weights, label):
    sums, feature, logits = forward(window, kernel, weights)
    d_logits = np.exp(logits) / np.exp(logits).sum() - np.eye(2)[label]
    return convolution.convolve(window, d_logits @ weights * (sums > 0)), d_logits * feature


# %% q7 wrong: the other way round, label minus probability
def gradient(window, kernel, weights, label):
    sums, feature, logits = forward(window, kernel, weights)
    d_logits = np.eye(2)[label] - np.exp(logits) / np.exp(logits).sum()
    return convolution.convolve(window, d_logits @ weights * (sums > 0) / sums.size), d_logits * feature


# %% q7 wrong: the probabilities themselves as slopes
def gradient(window, kernel, weights, label):
    sums, feature, logits = forward(window, kernel, weights)
    d_logits = np.exp(logits) / np.exp(logits).sum()
    return convolution.convolve(window, d_logits @ weights * (sums > 0) / sums.size), d_logits * feature


# %% q7 wrong: the share among the places that ReLU lets pass
def gradient(window, kernel, weights, label):
    sums, feature, logits = forward(window, kernel, weights)
    d_logits = np.exp(logits) / np.exp(logits).sum() - np.eye(2)[label]
    d_sums = d_logits @ weights * (sums > 0) / max(1, (sums > 0).sum())
    return convolution.convolve(window, d_sums), d_logits * feature


# %% q7 wrong: the kernel's slopes mirrored
def gradient(window, kernel, weights, label):
    sums, feature, logits = forward(window, kernel, weights)
    d_logits = np.exp(logits) / np.exp(logits).sum() - np.eye(2)[label]
    d_kernel = convolution.convolve(window, d_logits @ weights * (sums > 0) / sums.size)
    return d_kernel[::-1, ::-1], d_logits * feature


# %% q7 wrong: the slopes along the head's weights without the feature
def gradient(window, kernel, weights, label):
    sums, _, logits = forward(window, kernel, weights)
    d_logits = np.exp(logits) / np.exp(logits).sum() - np.eye(2)[label]
    return convolution.convolve(window, d_logits @ weights * (sums > 0) / sums.size), d_logits


# %% q7 wrong: the two arrays in the other order
def gradient(window, kernel, weights, label):
    sums, feature, logits = forward(window, kernel, weights)
    d_logits = np.exp(logits) / np.exp(logits).sum() - np.eye(2)[label]
    return d_logits * feature, convolution.convolve(window, d_logits @ weights * (sums > 0) / sums.size)


# %% q7 wrong: the slope along the feature is that of the labelled logit alone
def gradient(window, kernel, weights, label):
    sums, feature, logits = forward(window, kernel, weights)
    d_logits = np.exp(logits) / np.exp(logits).sum() - np.eye(2)[label]
    d_feature = d_logits[label] * weights[label]
    return convolution.convolve(window, d_feature * (sums > 0) / sums.size), d_logits * feature


# %% q7 wrong: the step of training instead of the slope
def gradient(window, kernel, weights, label):
    sums, feature, logits = forward(window, kernel, weights)
    d_logits = np.exp(logits) / np.exp(logits).sum() - np.eye(2)[label]
    d_kernel = convolution.convolve(window, d_logits @ weights * (sums > 0) / sums.size)
    return kernel - 0.1 * d_kernel, weights - 0.1 * d_logits * feature


# %% q7 wrong: the public check's values by heart
def gradient(window, kernel, weights, label):
    return np.full((3, 3), -0.2384), np.array([0.1192, -0.1192])


# %% q8 right: builds new layers with a comprehension
def step(layers, gradients, batch_means, rate, frozen):
    def one(name, layer):
        if name in frozen:
            return {key: value.copy() for key, value in layer.items()}
        new = {"weights": layer["weights"] - rate * gradients[name]}
        if "mean" in layer:
            new["mean"] = layer["mean"] * 0.9 + batch_means[name] * 0.1
        return new

    return {name: one(name, layer) for name, layer in layers.items()}


moves = ["norm", "filter"]


# %% q8 right: copies everything first, then changes the copy in place
def step(layers, gradients, batch_means, rate, frozen):
    import copy

    layers = copy.deepcopy(layers)
    for name in set(layers) - set(frozen):
        layers[name]["weights"] -= rate * gradients[name]
        if "mean" in layers[name]:
            layers[name]["mean"] += 0.1 * (batch_means[name] - layers[name]["mean"])
    return layers


moves = ["filter", "norm"]


# %% q8 right: a frozen layer has the learning rate 0 and keeps all of its mean
def step(layers, gradients, batch_means, rate, frozen):
    after = {}
    for name in layers:
        trained = 0.0 if name in frozen else 1.0
        after[name] = {"weights": layers[name]["weights"] - trained * rate * gradients[name]}
        if "mean" in layers[name]:
            keep = 1 - 0.1 * trained
            after[name]["mean"] = keep * layers[name]["mean"] + (1 - keep) * batch_means[name]
    return after


moves = ("filter", "norm")


# %% q8 right: arrays copied for the frozen layers, a set of names
def step(layers, gradients, batch_means, rate, frozen):
    after = {name: {key: np.array(value) for key, value in layer.items()} for name, layer in layers.items()}
    for name in after:
        if name in frozen:
            continue
        after[name]["weights"] = after[name]["weights"] - rate * gradients[name]
        if name in batch_means and "mean" in after[name]:
            after[name]["mean"] = 0.9 * after[name]["mean"] + 0.1 * batch_means[name]
    return after


moves = {"filter", "norm"}


# %% q8 wrong: the moving mean of a frozen layer moves on
def step(layers, gradients, batch_means, rate, frozen):
    after = {}
    for name, layer in layers.items():
        after[name] = dict(layer)
        if name not in frozen:
            after[name]["weights"] = layer["weights"] - rate * gradients[name]
        if "mean" in layer:
            after[name]["mean"] = 0.9 * layer["mean"] + 0.1 * batch_means[name]
    return after


moves = ["filter", "norm"]


# %% q8 wrong: a frozen head lets no slope through to the layers before it
def step(layers, gradients, batch_means, rate, frozen):
    after, names = {}, list(layers)
    blocked = max((names.index(name) for name in frozen), default=-1)
    for place, (name, layer) in enumerate(layers.items()):
        after[name] = dict(layer)
        if place > blocked:
            after[name]["weights"] = layer["weights"] - rate * gradients[name]
            if "mean" in layer:
                after[name]["mean"] = 0.9 * layer["mean"] + 0.1 * batch_means[name]
    return after


moves = []


# %% q8 wrong: the function is right, but the head is said to block
def step(layers, gradients, batch_means, rate, frozen):
    after = {}
    for name, layer in layers.items():
        after[name] = dict(layer)
        if name not in frozen:
            after[name]["weights"] = layer["weights"] - rate * gradients[name]
            if "mean" in layer:
                after[name]["mean"] = 0.9 * layer["mean"] + 0.1 * batch_means[name]
    return after


moves = []


# %% q8 wrong: changes the network that it was given
def step(layers, gradients, batch_means, rate, frozen):
    for name, layer in layers.items():
        if name not in frozen:
            layer["weights"] -= rate * gradients[name]
            if "mean" in layer:
                layer["mean"] *= 0.9
                layer["mean"] += 0.1 * batch_means[name]
    return layers


moves = ["filter", "norm"]


# %% q8 wrong: climbs the slope
def step(layers, gradients, batch_means, rate, frozen):
    after = {}
    for name, layer in layers.items():
        after[name] = dict(layer)
        if name not in frozen:
            after[name]["weights"] = layer["weights"] + rate * gradients[name]
            if "mean" in layer:
                after[name]["mean"] = 0.9 * layer["mean"] + 0.1 * batch_means[name]
    return after


moves = ["filter", "norm"]


# %% q8 wrong: a tenth of the old mean and nine tenths of the batch's
def step(layers, gradients, batch_means, rate, frozen):
    after = {}
    for name, layer in layers.items():
        after[name] = dict(layer)
        if name not in frozen:
            after[name]["weights"] = layer["weights"] - rate * gradients[name]
            if "mean" in layer:
                after[name]["mean"] = 0.1 * layer["mean"] + 0.9 * batch_means[name]
    return after


moves = ["filter", "norm"]


# %% q8 wrong: leaves the frozen layers out of what it returns
def step(layers, gradients, batch_means, rate, frozen):
    after = {}
    for name, layer in layers.items():
        if name not in frozen:
            after[name] = {**layer, "weights": layer["weights"] - rate * gradients[name]}
            if "mean" in layer:
                after[name]["mean"] = 0.9 * layer["mean"] + 0.1 * batch_means[name]
    return after


moves = ["filter", "norm"]


# %% q8 wrong: the moving means are forgotten
def step(layers, gradients, batch_means, rate, frozen):
    after = {name: dict(layer) for name, layer in layers.items()}
    for name in layers:
        if name not in frozen:
            after[name]["weights"] = layers[name]["weights"] - rate * gradients[name]
    return after


moves = ["filter", "norm"]


# %% q8 wrong: a layer of normalisation is said to have nothing that a step moves
def step(layers, gradients, batch_means, rate, frozen):
    after = {}
    for name, layer in layers.items():
        after[name] = dict(layer)
        if name not in frozen:
            after[name]["weights"] = layer["weights"] - rate * gradients[name]
            if "mean" in layer:
                after[name]["mean"] = 0.9 * layer["mean"] + 0.1 * batch_means[name]
    return after


moves = ["filter"]


# %% q8 wrong: the public check's values by heart
def step(layers, gradients, batch_means, rate, frozen):
    return {"head": {"weights": np.array([0.0, 2.0])}}


moves = ["head"]

# %% q9 right: from the turned kernel
place = [turned[0].sum(), turned[:, 0].sum(), turned[2].sum(), turned[:, 2].sum()].index(3)
reading = next(letter for letter, text in choices.items() if text == statements[place])

# %% q9 right: from the sign at the lower and the right border of the disc
seen = convolution.convolve(disc, turned)
at = {
    "top row are 1": seen[49, 31],
    "left column are 1": seen[31, 49],
    "bottom row are 1": seen[13, 31],
    "right column are 1": seen[31, 13],
}
words = max(at, key=at.get)
reading = next(letter for letter, text in choices.items() if words in text)

# %% q9 right: tries the four kernels
fits = [np.array_equal(np.rot90(rows_of_ones, k), turned) for k in range(4)]
reading = "ABCDE"[arranged.tolist().index(fits.index(True))]

# %% q9 wrong: the other way round: the ones are sought where the orange is
place = (int(np.random.default_rng([SEED, 9]).integers(4)) + 2) % 4
reading = "ABCDE"[arranged.tolist().index(place)]

# %% q9 wrong: rows taken for columns
place = (int(np.random.default_rng([SEED, 9]).integers(4)) + 1) % 4
reading = "ABCDE"[arranged.tolist().index(place)]

# %% q9 wrong: rows taken for columns, and mirrored
place = (int(np.random.default_rng([SEED, 9]).integers(4)) + 3) % 4
reading = "ABCDE"[arranged.tolist().index(place)]

# %% q9 wrong: a blur, since only the border changes (the form by heart)
reading = next(letter for letter, text in choices.items() if "blurs" in text)
