#!/usr/bin/env python3
"""Golden values for the measures of framework/pauserec/geometry.h from numpy and scikit-learn.

    make-geometry-golden.py OUT

Written: OUT/geometry.safetensors, two groups of vectors that overlap, the measures of both by the formulas of the header written
out pair by pair, the accuracy of scikit-learn's RidgeClassifier and the neighbours of its NearestNeighbors on a pooled
sample, and its principal components.  Made with numpy 2.x and scikit-learn 1.x.
"""
import os
import sys

import numpy as np
from safetensors.numpy import save_file
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import PredefinedSplit, cross_val_score
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

D, TEXT, SIDS, PAIRS, FOLDS, K = 6, 70, 50, 40, 5, 7


def cosines(a, b):
    return (a / np.linalg.norm(a, axis=1, keepdims=True)) @ (b / np.linalg.norm(b, axis=1, keepdims=True)).T


def within(a):
    return np.mean([cosines(a, a)[i, j] for i in range(len(a)) for j in range(len(a)) if i != j])


def rank(a):
    eigenvalues = np.linalg.eigvalsh(np.cov(a, rowvar=False, bias=True))
    return eigenvalues.sum() ** 2 / (eigenvalues**2).sum()


def moments(text, sids):
    spread = (np.trace(np.cov(text, rowvar=False, bias=True)) + np.trace(np.cov(sids, rowvar=False, bias=True))) / 2
    return [
        np.linalg.norm(text.mean(0) - sids.mean(0)) / np.sqrt(spread),
        cosines(text, sids).mean(),
        within(text),
        within(sids),
        np.linalg.norm(text, axis=1).mean(),
        np.linalg.norm(sids, axis=1).mean(),
        rank(text),
        rank(sids),
    ]


def probe(pooled):
    labels = np.tile([1, -1], PAIRS)
    folds = np.repeat(np.arange(PAIRS) % FOLDS, 2)
    right = 0
    for train, test in PredefinedSplit(folds).split():
        # The penalty is 0.01 for each training vector.
        model = make_pipeline(StandardScaler(), RidgeClassifier(alpha=0.01 * len(train), solver="cholesky"))
        right += (model.fit(pooled[train], labels[train]).predict(pooled[test]) == labels[test]).sum()
    return right / len(pooled)


def mixing(pooled):
    neighbours = NearestNeighbors(n_neighbors=K + 1, metric="cosine", algorithm="brute").fit(pooled)
    found = neighbours.kneighbors(pooled, return_distance=False)
    assert (found[:, 0] == np.arange(len(pooled))).all()
    return np.mean(found[:, 1:] % 2 != np.arange(len(pooled))[:, None] % 2) / (PAIRS / (2 * PAIRS - 1))


def main():
    rng = np.random.default_rng(5)
    scales = np.array([1.5, 1, 0.7, 0.5, 0.3, 0.1])
    text = (rng.normal(size=(TEXT, D)) * scales + [0.3, 0, 0.2, 0, 0.1, 0]).astype(np.float32)
    sids = (rng.normal(size=(SIDS, D)) * scales[::-1] + [0, 0.6, 0, 0.3, 0, 0.2]).astype(np.float32)
    pooled = np.stack([text[:PAIRS], sids[:PAIRS]], axis=1).reshape(2 * PAIRS, D)
    exact = pooled.astype(np.float64)
    pca = PCA(n_components=2, svd_solver="full").fit(exact)
    axes = pca.components_ * np.sign(pca.components_[np.arange(2), np.abs(pca.components_).argmax(1)])[:, None]
    values = {
        "moments": moments(text.astype(np.float64), sids.astype(np.float64)),
        "probe": [probe(exact)],
        "mixing": [mixing(exact)],
        "share": [pca.explained_variance_ratio_.sum()],
    }
    print(values)
    tensors = {name: np.array(value, np.float64) for name, value in values.items()}
    tensors["projection"] = np.ascontiguousarray((exact - exact.mean(0)) @ axes.T)
    save_file({"text": text, "sids": sids, "pooled": pooled, **tensors}, os.path.join(sys.argv[1], "geometry.safetensors"))


main()
