"""Small networks of every kind of answer: a regression, classes with names, a sigmoid at the end, and two SiLU as PyTorch's default exporter writes them.

python answers.py MODELS [IDX]    (numpy, scikit-learn, skl2onnx, onnx; MODELS is the folder with manifest.json, IDX the 60,000 training images of MNIST)

Writes onnx/*.onnx, data/*.npy and the entries of the manifest, and for the older networks rows to calibrate on that are no test rows. Features are standardised with the statistics of the training rows and clipped at 5. The rows are split
once (seed 7): a fifth for tests, the rest for training and calibration.
"""
import hashlib, json, os, sys
import numpy as np, onnx
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor

folder, CLIP = sys.argv[1], 5.0


def split(x, y, stratify=True):
    train, test = train_test_split(np.arange(len(y)), test_size=0.2, random_state=7, stratify=y if stratify else None)
    mean, std = x[train].mean(0), x[train].std(0)
    z = np.clip((x - mean) / std, -CLIP, CLIP).astype(np.float32)
    return z[train], y[train], z[test], y[test], mean, std


def initializer(name, value):
    return numpy_helper.from_array(np.ascontiguousarray(value, dtype=np.float32), name)


def model(nodes, tensors, inputs, output, shape, opset):
    graph = helper.make_graph(nodes, "main_graph", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", inputs])], [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def regression():
    """Progression of diabetes after a year, 25 to 346, by a network of tanh. The file says values and nothing else."""
    d = load_diabetes()
    x, y, xt, yt, mean, std = split(d.data, d.target, stratify=False)
    # learns a tenth of the deviation from 150 and says it in the units of the data
    net = MLPRegressor(hidden_layer_sizes=(10,), activation="tanh", alpha=3.0, max_iter=4000, random_state=7).fit(x, (y - 150) / 80)
    (w1, w2), (b1, b2) = net.coefs_, net.intercepts_
    nodes = [helper.make_node("Gemm", ["x", "fc1.weight", "fc1.bias"], ["h"], "fc1", transB=1), helper.make_node("Tanh", ["h"], ["a"], "act1"), helper.make_node("Gemm", ["a", "fc2.weight", "fc2.bias"], ["y"], "fc2", transB=1)]
    tensors = [initializer("fc1.weight", w1.T), initializer("fc1.bias", b1), initializer("fc2.weight", 80 * w2.T), initializer("fc2.bias", 80 * b2 + 150)]
    return "diabetes-regression", model(nodes, tensors, 10, "y", ["batch", 1], 17), x, xt, yt.astype(np.float32), mean, std, dict(name="diabetes", features=list(d.feature_names), source="scikit-learn load_diabetes (Efron, Hastie, Johnstone, Tibshirani 2004)", licence="scikit-learn copy: BSD-3-Clause"), None


def labels():
    """Three grape varieties by name: the label output of scikit-learn's logistic regression, with a dictionary of probabilities."""
    d = load_wine()
    names = np.array(["barolo", "grignolino", "barbera"])
    x, y, xt, yt, mean, std = split(d.data, d.target)
    fitted = LogisticRegression(C=0.1, max_iter=500).fit(x, names[y])
    made = to_onnx(fitted, initial_types=[("x", FloatTensorType([None, 13]))], target_opset={"": 17, "ai.onnx.ml": 3})
    # labels are stored by their place among the classes of the file, which are in alphabetical order
    classes = [str(name) for name in fitted.classes_]
    places = np.array([classes.index(names[k]) for k in yt], np.uint8)
    return "wine-labels", made, x, xt, places, mean, std, WINE(d), classes


def WINE(d):
    return dict(name="wine", features=list(d.feature_names), source="UCI wine, scikit-learn load_wine", licence="UCI data set: CC BY 4.0; scikit-learn copy: BSD-3-Clause")


def sigmoid():
    """Malignant or not: sigmoid(fc2(tanh(fc1(x)))).squeeze(1), a probability and no logit."""
    d = load_breast_cancer()
    x, y, xt, yt, mean, std = split(d.data, 1 - d.target)
    net = MLPClassifier(hidden_layer_sizes=(8,), activation="tanh", alpha=1.0, max_iter=2000, random_state=7).fit(x, y)
    (w1, w2), (b1, b2) = net.coefs_, net.intercepts_
    nodes = [
        helper.make_node("Gemm", ["x", "fc1.weight", "fc1.bias"], ["h"], "/fc1/Gemm", transB=1),
        helper.make_node("Tanh", ["h"], ["a"], "/Tanh"),
        helper.make_node("Gemm", ["a", "fc2.weight", "fc2.bias"], ["z"], "/fc2/Gemm", transB=1),
        helper.make_node("Sigmoid", ["z"], ["p"], "/Sigmoid"),
        helper.make_node("Squeeze", ["p", "one"], ["y"], "/Squeeze"),
    ]
    tensors = [initializer("fc1.weight", w1.T), initializer("fc1.bias", b1), initializer("fc2.weight", w2.T), initializer("fc2.bias", b2), numpy_helper.from_array(np.array([1], np.int64), "one")]
    return "breast-cancer-sigmoid", model(nodes, tensors, 30, "y", ["batch"], 17), x, xt, yt.astype(np.uint8), mean, std, dict(name="breast-cancer-wdbc", features=list(d.feature_names), source="UCI WDBC, scikit-learn load_breast_cancer, 1 = malignant", licence="UCI data set: CC BY 4.0; scikit-learn copy: BSD-3-Clause"), None


def two_silu():
    """13-16-16-3 with SiLU, trained by plain gradient descent; nodes are named as torch.onnx.export names them by default: both activations begin with 'node'."""
    d = load_wine()
    x, y, xt, yt, mean, std = split(d.data, d.target)
    rng = np.random.default_rng(7)
    sizes = [13, 16, 16, 3]
    w = [rng.normal(0, np.sqrt(2 / a), (a, b)) for a, b in zip(sizes, sizes[1:])]
    b = [np.zeros(k) for k in sizes[1:]]
    silu = lambda u: u / (1 + np.exp(-u))
    slope = lambda u: (1 + np.exp(-u) + u * np.exp(-u)) / (1 + np.exp(-u)) ** 2
    onehot = np.eye(3)[y]
    for _ in range(1500):
        u1 = x @ w[0] + b[0]; a1 = silu(u1); u2 = a1 @ w[1] + b[1]; a2 = silu(u2); z = a2 @ w[2] + b[2]
        p = np.exp(z - z.max(1, keepdims=True)); p /= p.sum(1, keepdims=True)
        g = (p - onehot) / len(y)
        g2 = (g @ w[2].T) * slope(u2); g1 = (g2 @ w[1].T) * slope(u1)
        for k, (left, right) in enumerate([(x, g1), (a1, g2), (a2, g)]):
            w[k] -= 0.1 * (left.T @ right + 2e-3 * w[k]); b[k] -= 0.1 * right.sum(0)
    nodes, value = [], "x"
    for k in range(3):
        out = "linear" if k == 0 else f"linear_{k}"
        nodes.append(helper.make_node("Gemm", [value, f"{2 * k}.weight", f"{2 * k}.bias"], [out], f"node_{out}", transB=1, alpha=1.0, beta=1.0))
        if k < 2:
            product = "silu" if k == 0 else f"silu_{k}"
            nodes += [helper.make_node("Sigmoid", [out], [f"val_{k}"], f"node_Sigmoid_{k}"), helper.make_node("Mul", [out, f"val_{k}"], [product], f"node_{product}")]
            value = product
    tensors = [initializer(f"{2 * k}.{n}", v) for k in range(3) for n, v in (("weight", w[k].T), ("bias", b[k]))]
    return "wine-two-silu", model(nodes, tensors, 13, "linear_2", ["batch", 3], 18), x, xt, yt.astype(np.uint8), mean, std, WINE(d), None


path = os.path.join(folder, "manifest.json")
manifest = json.load(open(path))
sha = lambda data: hashlib.sha256(data).hexdigest()


def put(relative, data, **about):
    open(os.path.join(folder, relative), "wb").write(data)
    manifest["files"][relative] = dict(bytes=len(data), sha256=sha(data), **about)
    return relative


def npy(relative, array):
    import io
    buffer = io.BytesIO(); np.save(buffer, array)
    return put(relative, buffer.getvalue(), format=f"npy {array.dtype}", shape=list(array.shape))


for make in (regression, labels, sigmoid, two_silu):
    name, made, x, xt, yt, mean, std, dataset, classes = make()
    onnx.checker.check_model(made)
    data = made.SerializeToString()
    put(f"onnx/{name}.onnx", data)
    files = dict(test=dict(x=npy(f"data/{name}-test-x.npy", xt), y=npy(f"data/{name}-test-y.npy", yt)), calibration=dict(x=npy(f"data/{name}-train-x.npy", x)))
    entry = dict(
        name=name, file=f"onnx/{name}.onnx", bytes=len(data), sha256=sha(data), input=dict(name="x", shape=["N", x.shape[1]], layout="NF"),
        normalisation=dict(perFeature=True, formula="x = clamp((raw - mean)/std, -clip, clip)", mean=[float(v) for v in mean], std=[float(v) for v in std], clip=CLIP),
        dataset={**dataset, **files, "rows": len(x) + len(xt), "split": "a fifth for tests, seed 7"},
        training=dict(script="training/python/answers.py", what=make.__doc__),
    )
    if classes is not None:
        entry["classes"] = classes
    manifest["models"] = [m for m in manifest["models"] if m["name"] != name] + [entry]
    print(name, len(data), x.shape, xt.shape)


def calibrate(dataset, relative):
    for m in manifest["models"]:
        if m.get("dataset", {}).get("name") == dataset and "calibration" not in m["dataset"]:
            m["dataset"]["calibration"] = dict(x=relative)


old = next(m for m in manifest["models"] if m["name"] == "breast-cancer-wdbc-logreg")["normalisation"]
rows = np.clip((load_breast_cancer().data - np.array(old["mean"])) / np.array(old["std"]), -old["clip"], old["clip"]).astype(np.float32)
tested = np.load(os.path.join(folder, "data/breast-cancer-wdbc-test-x.npy"))
calibrate("breast-cancer-wdbc", npy("data/breast-cancer-wdbc-train-x.npy", rows[[np.abs(tested - r).max(1).min() > 1e-4 for r in rows]]))
if len(sys.argv) > 2:
    import gzip, struct
    images = np.frombuffer(open(sys.argv[2], "rb").read(), np.uint8, offset=16).reshape(-1, 28, 28)[-500:]
    idx = gzip.compress(bytes([0, 0, 8, 3]) + struct.pack(">III", *images.shape) + images.tobytes(), mtime=0)
    calibrate("mnist", put("data/mnist-train-last500-idx3-ubyte.gz", idx, format="IDX ubyte, gzip: the last 500 training images", shape=[500, 28, 28]))
manifest["models"].sort(key=lambda m: m["name"])
json.dump(manifest, open(path, "w"), indent=1, ensure_ascii=False)
