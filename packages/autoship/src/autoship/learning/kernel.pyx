# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The loops over contexts and choices, compiled: what `Table` has computed and learned in its arrays. Decides nothing
about which contexts there are, and keeps no number of its own.

Every sum is taken in one order, and logarithm and exponential are polynomials of our own, so that the same numbers come
out on every machine with IEEE arithmetic, whatever its libraries and vector units. The polynomials interpolate at 400
Chebyshev nodes (numpy.polynomial.chebyshev.chebfit); their relative error is below 2 ** -22.
"""

from libc.math cimport sqrtf
from libc.stdlib cimport free, malloc
from libc.string cimport memset

import numpy as np

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>

    /* The natural logarithm of a positive, normal number: m * 2**e with m from sqrt(1/2) to sqrt(2). */
    static inline float autoship_log(float x) {
        int32_t bits, e, low;
        float m, z, y;
        memcpy(&bits, &x, 4);
        e = ((bits >> 23) & 255) - 126;
        bits = (bits & 0x007fffff) | 0x3f000000;
        memcpy(&m, &bits, 4);
        low = m < 0.70710678f;
        e -= low;
        m = m + (low ? m : 0.0f) - 1.0f;
        z = m * m;
        y = -0.081015587f;
        y = y * m + 0.12712307f;
        y = y * m - 0.12972239f;
        y = y * m + 0.14202175f;
        y = y * m - 0.16642247f;
        y = y * m + 0.20001468f;
        y = y * m - 0.25000298f;
        y = y * m + 0.33333328f;
        return (m + (y * m * z - 0.5f * z)) + (float)e * 0.69314718f;
    }

    /* The exponential of a number that is not positive; 0 where it is below every normal number. */
    static inline float autoship_exp(float x) {
        float y = x * 1.44269504f, f, p;
        int32_t n, bits;
        if (!(y > -126.0f)) return 0.0f;
        n = (int32_t)(y - 0.5f);
        f = y - (float)n;
        p = 0.0013400433f;
        p = p * f + 0.0096760374f;
        p = p * f + 0.055503272f;
        p = p * f + 0.24022107f;
        p = p * f + 0.69314718f;
        p = p * f + 1.0000001f;
        bits = (n + 127) << 23;
        memcpy(&y, &bits, 4);
        return p * y;
    }
    """
    float autoship_log(float x) nogil
    float autoship_exp(float x) nogil

cdef enum:
    COUNT = 0
    RECENT = 1
    WEIGHT = 2
    SQUARES = 3
    PLANES = 4


cdef class Seen:
    """An order's contexts, and the probabilities of the choices: the model's own, and mixed with the plain rates. Of the
    kernel that made it, which takes no other's, and of the state that it was made in."""

    cdef object maker
    cdef int size, width, choices
    cdef int* rows
    cdef int* keys
    cdef float* logs
    cdef float* own
    cdef float* mixed

    def __cinit__(self, int size, int width, int choices):
        self.size, self.width, self.choices = size, width, choices
        self.rows = <int*> malloc(2 * max(1, size) * sizeof(int))
        self.logs = <float*> malloc((size + 2) * width * sizeof(float))
        if self.rows == NULL or self.logs == NULL:
            raise MemoryError
        self.keys = self.rows + size
        self.own = self.logs + size * width
        self.mixed = self.own + width

    def __dealloc__(self):
        free(self.rows)
        free(self.logs)

    def own_of(self, int choice):
        """The model's own probability of a choice."""
        if not 0 <= choice < self.choices:
            raise IndexError("a choice that is none")
        return self.own[choice]

    def best(self, int most):
        """The most probable choices with their mixed probabilities, the first of equals first."""
        cdef list ranked = []
        cdef int place, choice, best
        cdef float bound = 2.0
        cdef int last = -1
        for place in range(min(most, self.choices)):
            best = -1
            for choice in range(self.choices):
                if self.mixed[choice] > bound or (self.mixed[choice] == bound and choice <= last):
                    continue
                if best < 0 or self.mixed[choice] > self.mixed[best]:
                    best = choice
            if best < 0:
                break
            bound, last = self.mixed[best], best
            ranked.append((best, self.mixed[best]))
        return ranked

    def probabilities(self):
        """The mixed probabilities of all choices, as an array."""
        cdef float[::1] out = np.empty(self.choices, np.float32)
        cdef int choice
        for choice in range(self.choices):
            out[choice] = self.mixed[choice]
        return np.asarray(out)


cdef class Kernel:
    """The arrays of a table (`autoship.learning.table` says what is in them), and what is done to them. Made anew
    whenever the table replaces an array."""

    cdef float[:, :, ::1] cells
    cdef long long[::1] touched
    cdef float[:, ::1] trust
    cdef float[:, ::1] trust_squares
    cdef float[:, ::1] decayed
    cdef float[:, ::1] plain
    cdef float[::1] inverse_rates
    cdef int width

    def __init__(self, cells, touched, trust, trust_squares, decayed, plain, inverse_rates):
        self.cells = cells
        self.touched = touched
        self.trust = trust
        self.trust_squares = trust_squares
        self.decayed = decayed
        self.plain = plain
        self.inverse_rates = inverse_rates
        self.width = cells.shape[2]

    cdef int _check(self, Seen seen, int choice) except -1:
        """The arrays may have been replaced since: then rows and widths are others."""
        if seen.maker is not self or not 0 <= choice < seen.choices:
            raise ValueError("an order that was seen in another state, or a choice that is none")
        return 0

    def rates(self, int choices, float prior):
        """Makes ``plain`` and ``inverse_rates`` of ``decayed``: see `Table.refresh`."""
        self._rates(choices, prior)

    cdef void _rates(self, int choices, float prior) noexcept:
        cdef int line, choice
        cdef float total
        for line in range(2):
            total = 0
            for choice in range(choices):
                total += self.decayed[line, choice] + prior
            for choice in range(choices):
                self.plain[line, choice] = (self.decayed[line, choice] + prior) / total
            for choice in range(choices, self.width):
                self.plain[line, choice] = 0
        for choice in range(choices):
            self.inverse_rates[choice] = 1 / self.plain[0, choice]

    def see(self, list rows, list keys, int choices, float start, double share, double slow, double fast):
        """What an order of these contexts (rows, none twice, and their keys) will be shipped as. ``start`` is what every
        count starts with; ``share``, ``slow`` and ``fast`` are the mixture's."""
        cdef int size = len(rows), i, c
        cdef Seen seen = Seen(size, self.width, choices)
        seen.maker = self
        cdef float* own = seen.own
        cdef float* logs
        cdef float* cell
        cdef float* inverse = &self.inverse_rates[0]
        cdef float w1, w2, w3, top, total
        for i in range(size):
            seen.rows[i] = rows[i]
            seen.keys[i] = keys[i]
            if not (0 <= seen.rows[i] < self.cells.shape[0] and 0 <= seen.keys[i] < self.trust.shape[0]):
                raise IndexError("a context that is in no table")
        memset(own, 0, self.width * sizeof(float))
        for i in range(size):
            cell = &self.cells[seen.rows[i], 0, 0]
            logs = seen.logs + i * self.width
            w1 = self.trust[seen.keys[i], COUNT]
            w2 = self.trust[seen.keys[i], RECENT]
            w3 = self.trust[seen.keys[i], WEIGHT]
            for c in range(self.width):
                logs[c] = autoship_log(cell[c] * inverse[c] + start)
            for c in range(self.width):
                own[c] += w1 * logs[c] + w2 * cell[self.width + c] + w3 * cell[2 * self.width + c]
        top = own[0]
        for c in range(1, choices):
            if own[c] > top:
                top = own[c]
        total = 0
        for c in range(choices):
            own[c] = autoship_exp(own[c] - top)
            total += own[c]
        for c in range(choices):
            own[c] /= total
        for c in range(choices, self.width):
            own[c] = 0
        for c in range(self.width):
            seen.mixed[c] = <float> share * own[c] + (<float> slow * self.plain[0, c] + <float> fast * self.plain[1, c])
        return seen

    def speaking(self, Seen seen, int choice, int most, float least):
        """Positions of the contexts that speak for a choice by more than ``least`` (in logits, beyond what they say on
        average for all others), the strongest first, at most so many."""
        self._check(seen, choice)
        cdef int i, c, best
        cdef float* cell
        cdef float* logs
        cdef float* own = seen.own
        cdef float a, b, d, others = max(1e-6, 1 - own[choice])
        cdef float* weights = <float*> malloc(max(1, seen.size) * sizeof(float))
        cdef list found = []
        if weights == NULL:
            raise MemoryError
        for i in range(seen.size):
            cell = &self.cells[seen.rows[i], 0, 0]
            logs = seen.logs + i * self.width
            a = b = d = 0
            for c in range(self.width):
                a += logs[c] * own[c]
                b += cell[self.width + c] * own[c]
                d += cell[2 * self.width + c] * own[c]
            weights[i] = (
                self.trust[seen.keys[i], COUNT] * (logs[choice] - a)
                + self.trust[seen.keys[i], RECENT] * (cell[self.width + choice] - b)
                + self.trust[seen.keys[i], WEIGHT] * (cell[2 * self.width + choice] - d)
            ) / others
        while len(found) < most:
            best = -1
            for i in range(seen.size):
                if weights[i] > least and (best < 0 or weights[i] > weights[best]):
                    best = i
            if best < 0:
                break
            found.append(best)
            weights[best] = least
        free(weights)
        return found

    def brier(self, Seen seen, int choice):
        """For each expert (the model, the slow and the fast plain rates) what its probabilities gained at a choice: twice
        that of the choice less the sum of the squares of all."""
        self._check(seen, choice)
        cdef int c
        cdef double model = 0, slow = 0, fast = 0
        for c in range(seen.choices):
            model += seen.own[c] * seen.own[c]
            slow += self.plain[0, c] * self.plain[0, c]
            fast += self.plain[1, c] * self.plain[1, c]
        return 2 * seen.own[choice] - model, 2 * self.plain[0, choice] - slow, 2 * self.plain[1, choice] - fast

    def learn(
        self,
        Seen seen,
        int choice,
        int keys,
        float unit,
        long long learned,
        float recent_share,
        float step,
        float key_step,
        float too_small,
    ):
        """Learns that an order, seen in this very state, went to a choice: `Table.learn`."""
        self._check(seen, choice)
        cdef int i, c, width = self.width
        cdef float* cell
        cdef float* logs
        cdef float* error = <float*> malloc((width + 3 * keys) * sizeof(float))
        cdef float* slopes = error + width
        cdef float a, b, d, g, share, trust
        cdef bint large
        if error == NULL:
            raise MemoryError
        memset(slopes, 0, 3 * keys * sizeof(float))
        for c in range(width):
            error[c] = seen.own[c]
        error[choice] -= 1
        large = error[choice] <= -too_small
        for i in range(seen.size):
            cell = &self.cells[seen.rows[i], 0, 0]
            logs = seen.logs + i * width
            a = b = d = 0
            for c in range(width):
                a += logs[c] * error[c]
                b += cell[width + c] * error[c]
                d += cell[2 * width + c] * error[c]
            slopes[3 * seen.keys[i]] += a
            slopes[3 * seen.keys[i] + 1] += b
            slopes[3 * seen.keys[i] + 2] += d
        for c in range(width):
            if -too_small < error[c] < too_small:
                error[c] = 0
        share = 1 / sqrtf(seen.size)
        for i in range(seen.size):
            cell = &self.cells[seen.rows[i], 0, 0]
            if large:
                trust = self.trust[seen.keys[i], WEIGHT] * share
                for c in range(width):
                    g = trust * error[c]
                    cell[3 * width + c] += g * g
                    cell[2 * width + c] -= step * share * (g / sqrtf(cell[3 * width + c]))
            for c in range(width):
                cell[width + c] *= 1 - recent_share
            cell[width + choice] += recent_share
            cell[choice] += unit
            self.touched[seen.rows[i]] = learned
        for i in range(keys):
            for c in range(3):
                g = slopes[3 * i + c]
                if g != 0:
                    self.trust_squares[i, c] += g * g
                    self.trust[i, c] -= key_step * (g / sqrtf(self.trust_squares[i, c]))
        free(error)

    def learn_rates(self, int choice, int choices, tuple kept, tuple counted, float prior):
        """Of the decayed counts (slow, fast) keeps these shares, then counts so much of an order for a choice."""
        cdef int line, c
        cdef float share
        for line in range(2):
            share = kept[line]
            for c in range(choices):
                self.decayed[line, c] *= share
            self.decayed[line, choice] += <float> counted[line]
        self._rates(choices, prior)

    def backfill(self, long long[::1] rows, long long[::1] choices, float[::1] counted, float recent_share):
        """Counts orders that are past, the oldest first: `Table.backfill`."""
        cdef Py_ssize_t i
        cdef int c
        cdef float* cell
        for i in range(rows.shape[0]):
            if not (0 <= rows[i] < self.cells.shape[0] and 0 <= choices[i] < self.width):
                raise IndexError("a context that is in no table")
            cell = &self.cells[rows[i], 0, 0]
            for c in range(self.width):
                cell[self.width + c] *= 1 - recent_share
            cell[choices[i]] += counted[i]
            cell[self.width + choices[i]] += recent_share


cdef class Counter:
    """The arrays of a window (`autoship.learning.window` says what is in them), and what is counted in them. Made anew
    whenever the window replaces one."""

    cdef short[:, ::1] codes
    cdef short[::1] choices

    def __init__(self, codes, choices):
        if choices.shape[0] > 2048:
            raise ValueError("a window is longer than 2,048 orders")
        self.codes = codes
        self.choices = choices

    def count(self, int length, list lines, list wanted, int choice):
        """Of the first ``length`` orders, how many have the wanted codes at these lines, and how many of them went to a
        choice."""
        cdef short matching[2048]
        cdef short code
        cdef short* line
        cdef int i, place, orders = 0, agreeing = 0
        if not 0 <= length <= self.choices.shape[0]:
            raise IndexError("more orders than the window has")
        memset(matching, 0xFF, length * sizeof(short))
        for place in range(len(lines)):
            if not 0 <= <int> lines[place] < self.codes.shape[0]:
                raise IndexError("a line that the window has not")
            line = &self.codes[<int> lines[place], 0]
            code = wanted[place]
            for i in range(length):
                matching[i] &= -(line[i] == code)
        line = &self.choices[0]
        for i in range(length):
            orders -= matching[i]
            agreeing -= matching[i] & -(line[i] == choice)
        return orders, agreeing


def earlier(unsigned int[:, ::1] numbers):
    """For each position in each row, how many earlier positions of the row hold the same number."""
    cdef Py_ssize_t rows = numbers.shape[0], length = numbers.shape[1], row, i
    cdef float[:, ::1] found = np.empty((rows, length), np.float32)
    cdef unsigned int number, slot, mask = 1
    while mask < 2 * length:
        mask *= 2
    cdef unsigned int* held = <unsigned int*> malloc(mask * sizeof(unsigned int))
    cdef int* times = <int*> malloc(mask * sizeof(int))
    if held == NULL or times == NULL:
        free(held)
        free(times)
        raise MemoryError
    for row in range(rows):
        memset(times, 0, mask * sizeof(int))
        for i in range(length):
            number = numbers[row, i]
            slot = (number ^ (number >> 15)) & (mask - 1)
            while times[slot] and held[slot] != number:
                slot = (slot + 1) & (mask - 1)
            held[slot] = number
            found[row, i] = times[slot]
            times[slot] += 1
    free(held)
    free(times)
    return np.asarray(found)
