"""Every mistake that is tried; each must be noticed."""

from tests.mutation import balancing, between, filters, interfaces, paths, privatelink, public_access, zones
from tests.mutation.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    *filters.MUTANTS,
    *paths.MUTANTS,
    *interfaces.MUTANTS,
    *between.MUTANTS,
    *balancing.MUTANTS,
    *privatelink.MUTANTS,
    *zones.MUTANTS,
    *public_access.MUTANTS,
)
