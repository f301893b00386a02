"""CIFAR-10 (Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html) from any of the forms in which people have it.

  binary    data_batch_1.bin … data_batch_5.bin, test_batch.bin: records of 3073 bytes, the label, then 32·32 bytes each of red, green, blue
  python    data_batch_1 … data_batch_5, test_batch: pickled dictionaries with `data` and `labels`
  folder    train/CLASS/*.png and test/CLASS/*.png (or any other image format), classes in alphabetical order, which is the order of the labels
"""
import pathlib, pickle
import numpy as np

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
RECORD = 1 + 3 * 32 * 32


def binary(file):
    """Bytes (n, 3, 32, 32) and labels (n,) of one file of records."""
    raw = np.fromfile(file, np.uint8)
    if raw.size == 0 or raw.size % RECORD:
        raise SystemExit(f"{file}: {raw.size} bytes are no whole number of records of {RECORD}")
    records = raw.reshape(-1, RECORD)
    if records[:, 0].max() > 9:
        raise SystemExit(f"{file}: label {records[:, 0].max()}, CIFAR-10 has 0 to 9")
    return records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0].astype(np.int64)


def pickled(file):
    """The same of one file of the Python version. A pickle runs code: only of files that you got from the address above."""
    with open(file, "rb") as handle:
        batch = pickle.load(handle, encoding="bytes")
    return batch[b"data"].reshape(-1, 3, 32, 32), np.array(batch[b"labels"], np.int64)


def images(folder):
    """The same of a folder with a folder for each class."""
    from PIL import Image

    names = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    if names != CLASSES:
        raise SystemExit(f"{folder}: folders {', '.join(names)}, expected {', '.join(CLASSES)}")
    files = [(file, label) for label, name in enumerate(names) for file in sorted((folder / name).iterdir())]
    pixels = np.stack([np.asarray(Image.open(file).convert("RGB")).transpose(2, 0, 1) for file, _ in files])
    return pixels, np.array([label for _, label in files], np.int64)


def load(folder, part):
    """@param part 'train' or 'test' @returns bytes (n, 3, 32, 32) and labels (n,)"""
    folder = pathlib.Path(folder)
    stems = ["test_batch"] if part == "test" else [f"data_batch_{k}" for k in range(1, 6)]
    for ending, read in ((".bin", binary), ("", pickled)):
        files = [file for stem in stems if (file := folder / f"{stem}{ending}").is_file()]
        if files:
            parts = [read(file) for file in files]
            return np.concatenate([pixels for pixels, _ in parts]), np.concatenate([labels for _, labels in parts])
    if (folder / part).is_dir():
        return images(folder / part)
    raise SystemExit(f"{folder}: neither {stems[0]}.bin nor {stems[0]} nor {part}/: get CIFAR-10 from https://www.cs.toronto.edu/~kriz/cifar.html")
