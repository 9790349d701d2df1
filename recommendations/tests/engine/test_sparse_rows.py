"""Rows of a sparse matrix, a few at a time."""

import numpy as np
import pytest
from scipy import sparse

from recommendations.engine.interactions import IntArray
from recommendations.engine.sparse_rows import SparseRows

DENSE = sparse.random_array((300, 300), density=0.03, rng=np.random.default_rng(3), dtype=float)


@pytest.mark.parametrize("count", [0, 1, 40, 200])
def test_rows_come_end_to_end_however_many_are_asked_for(count: int) -> None:
    rows: IntArray = np.random.default_rng(count).permutation(300)[:count].astype(np.int32)
    matrix = SparseRows.of(sparse.csr_array(DENSE))
    asked = [DENSE.tocsr()[[row]] for row in rows]

    found = matrix.gathered(rows)

    assert found.columns.tolist() == [song for row in asked for song in row.indices]
    assert found.weights == pytest.approx([weight for row in asked for weight in row.data])
    assert found.ends.tolist() == np.cumsum([row.nnz for row in asked]).tolist()
    assert found.columns.dtype == np.int32
    assert found.ends.dtype == np.int64


def test_the_matrix_for_products_holds_no_copy_of_the_columns() -> None:
    rows = SparseRows.of(sparse.csr_array(DENSE))

    assert np.shares_memory(rows.matrix.indices, rows.columns)
    assert np.shares_memory(rows.matrix.data, rows.weights)
