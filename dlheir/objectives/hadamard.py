"""Hadamard and conference matrices: many codes of +1 and -1 that are far from each other."""

import itertools
import math

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.int64]


def hadamard(order: int) -> Matrix | None:
    """A Hadamard matrix: entries +1 and -1, rows orthogonal, first row and column all +1.

    Made by Sylvester's doubling and Paley's two constructions (R. E. A. C. Paley, "On Orthogonal
    Matrices", 1933) over fields of p or p^2 elements, p prime: all multiples of 4 up to 88 and
    most beyond.

    Args:
        order: Number of rows and columns, at least 1.

    Returns:
        (order, order), or None where these constructions give none.
    """
    if order in (1, 2):
        return np.array([[1, 1], [1, -1]])[:order, :order]
    if order % 4 or order < 1:
        return None
    matrix = _paley_first(order) if _has_field(order - 1) else None
    if matrix is None and _has_field(order // 2 - 1) and order // 2 % 4 == 2:
        matrix = _paley_second(order)
    if matrix is None and (half := hadamard(order // 2)) is not None:
        matrix = np.kron(np.array([[1, 1], [1, -1]]), half)
    return None if matrix is None else _normalised(matrix)


def conference_codes(length: int) -> Matrix | None:
    """The conference matrix code: 2 * length + 2 codes with distances of at least (length - 1) / 2.

    Sloane and Seidel, "A new family of nonlinear codes obtained from conference matrices" (1970):
    the rows of (S + I + J) / 2 and (-S + I + J) / 2, and the codes of zeros and of ones, S being
    the quadratic characters of the differences of a field's elements.

    Args:
        length: Bits, at least 1.

    Returns:
        (2 * length + 2, length) of +1 and -1, or None where `length` is no p or p^2, p prime, that
        leaves 1 on division by 4.
    """
    if length % 4 != 1 or not _has_field(length):
        return None
    characters = _characters_of_differences(length)
    identity, ones = np.eye(length, dtype=np.int64), np.ones((1, length), dtype=np.int64)
    return np.concatenate([characters + identity, identity - characters, ones, -ones])


def _paley_first(order: int) -> Matrix | None:
    """Of order q + 1, q leaving 3 on division by 4."""
    if (order - 1) % 4 != 3:
        return None
    bordered = np.zeros((order, order), dtype=np.int64)
    bordered[0, 1:], bordered[1:, 0] = 1, -1
    bordered[1:, 1:] = _characters_of_differences(order - 1)
    return bordered + np.eye(order, dtype=np.int64)


def _paley_second(order: int) -> Matrix:
    """Of order 2 (q + 1), q leaving 1 on division by 4."""
    half = order // 2
    conference = np.ones((half, half), dtype=np.int64) - np.eye(half, dtype=np.int64)
    conference[1:, 1:] = _characters_of_differences(half - 1)
    off_diagonal, diagonal = np.array([[1, 1], [1, -1]]), np.array([[1, -1], [-1, -1]])
    return np.kron(conference, off_diagonal) + np.kron(np.eye(half, dtype=np.int64), diagonal)


def _normalised(matrix: Matrix) -> Matrix:
    """Turn rows and columns around until the first ones are all +1."""
    matrix = matrix * matrix[:, :1]
    return matrix * matrix[:1]


def _has_field(size: int) -> bool:
    root = math.isqrt(max(size, 0))
    return _is_odd_prime(size) or (root * root == size and _is_odd_prime(root))


def _is_odd_prime(number: int) -> bool:
    return number > 2 and all(number % divisor for divisor in range(2, math.isqrt(number) + 1))


def _characters_of_differences(size: int) -> Matrix:
    """Jacobsthal matrix (size, size) of a field of p or p^2 elements, p an odd prime.

    Entry (i, j) is the quadratic character of element i minus element j: 1 for squares, -1 for
    the others, 0 for zero.
    """
    if _is_odd_prime(size):
        elements = np.arange(size)
        of_differences: Matrix = _characters(size)[(elements[:, None] - elements) % size]
        return of_differences
    # The elements are a + b sqrt(r), r being no square of p's field. Such an element is a square
    # exactly where its norm a^2 - r b^2 is one in p's field, as x^(p + 1) is the norm of x.
    prime = math.isqrt(size)
    characters = _characters(prime)
    non_square = int(np.argmin(characters))
    elements = np.array(list(itertools.product(range(prime), repeat=2)))
    a, b = np.moveaxis(elements[:, None] - elements, 2, 0)
    of_norms: Matrix = characters[(a * a - non_square * b * b) % prime]
    return of_norms


def _characters(prime: int) -> Matrix:
    """Quadratic characters of 0, ..., prime - 1."""
    characters = np.full(prime, -1)
    characters[np.arange(1, prime) ** 2 % prime] = 1
    characters[0] = 0
    return characters
