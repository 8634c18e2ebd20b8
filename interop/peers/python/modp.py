"""The MODP groups of RFC 3526, made as §2 to §7 say: p = 2^n - 2^(n-64) - 1 + 2^64 * (floor(2^(n-130) * pi) + c), g = 2."""

BITS_AND_C = {5: (1536, 741804), 14: (2048, 124476), 15: (3072, 1690314), 16: (4096, 240904), 17: (6144, 929484), 18: (8192, 4743158)}
G = 2


def arctan_of_inverse(x, one):
    """one * arctan(1/x), by Gregory's series."""
    power = total = one // x
    n, sign = 3, -1
    while power:
        power //= x * x
        total += sign * (power // n)
        n, sign = n + 2, -sign
    return total


def pi(bits):
    """floor(2^bits * pi), by Machin's formula with 64 bits to spare."""
    one = 1 << (bits + 64)
    return (4 * (4 * arctan_of_inverse(5, one) - arctan_of_inverse(239, one))) >> 64


PRIMES = {}


def prime(group):
    if group not in PRIMES:
        n, c = BITS_AND_C[group]
        PRIMES[group] = (1 << n) - (1 << (n - 64)) - 1 + ((pi(n - 130) + c) << 64)
    return PRIMES[group]
