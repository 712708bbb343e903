// What lies above a boundary in the total order, part by part: the last steps of a selection that a radix
// descent has bounded. A row's parts are in index order, so that sums over earlier parts place later ones.
#pragma once

#include "radix_descent.h"

// One part's share of what is kept.
struct KeptPart {
    // Mass of the kept elements above the boundary's key.
    uint64_t mass;
    // The smallest composite among them; all ones if there is none.
    uint64_t last;
    uint32_t count;
    // Elements equal to the boundary's key, kept or not.
    uint32_t ties;
};

static_assert(sizeof(KeptPart) == 24, "src/sampler/plan.rs reserves 24 bytes a part");

// Which elements of a row are kept: keys above `key`, and the first `ties` equal to it in index order.
struct Boundary {
    uint32_t key, ties;
    // Keys whose scaled logit is below this are dropped (min-p).
    float least_scaled;
};

// Min-p may drop the boundary's key itself; then no tie is kept.
template <typename T>
HG_DEVICE Boundary make_boundary(const DescentState& state, float least_scaled, const MassScale<T>& scale) {
    const bool dropped = state.wanted > 0 && scale.scaled(state.prefix) < least_scaled;
    return {state.prefix, dropped ? 0 : uint32_t(state.wanted), least_scaled};
}

template <typename T, bool FINITE_ONLY>
HG_DEVICE bool is_kept_above(uint32_t key, const Boundary& boundary, const MassScale<T>& scale) {
    if (key <= boundary.key) return false;
    return !FINITE_ONLY || (is_finite_key<T>(key) && scale.scaled(key) >= boundary.least_scaled);
}

// Sums over one part. Called by the whole block; thread 0's result is complete.
template <typename T, bool FINITE_ONLY>
HG_DEVICE KeptPart sum_part(const LogitRow<T>& row, GroupRange range, const Boundary& boundary,
                            const MassScale<T>& scale, uint64_t* sums) {
    KeptPart part = {0, ~uint64_t(0), 0, 0};
    for (uint32_t base = range.begin; base < range.end; base += round_groups<T>()) {
        visit_round(row, range, base, [&](const LogitGroup<T>& group) {
            HG_UNROLL
            for (uint32_t j = 0; j < Vector16<T>::COUNT; j++) {
                const uint32_t key = group.key[j];
                if (!in_row(row, group, j)) continue;
                part.ties += key == boundary.key && boundary.ties > 0;
                if (!is_kept_above<T, FINITE_ONLY>(key, boundary, scale)) continue;
                part.count++;
                if (FINITE_ONLY) part.mass += scale.mass(key);
                const uint64_t composite = make_composite(key, group.index + j);
                part.last = composite < part.last ? composite : part.last;
            }
        });
    }
    const uint64_t counts = block_sum(uint64_t(part.count) << 32 | part.ties, sums);
    part.mass = block_sum(part.mass, sums);
    part.last = ~block_maximum(~part.last, sums);
    part.count = uint32_t(counts >> 32);
    part.ties = uint32_t(counts);
    return part;
}

// Where a part stands among the row's parts.
struct PartPlace {
    // Kept elements and kept mass in earlier parts; ties in earlier parts.
    uint64_t count_before, mass_before, ties_before;
    // Ties of this part that are kept, and its kept mass with them.
    uint64_t kept_ties, mass;
    // Of the whole row.
    uint64_t total_count, total_mass, total_ties;
    uint64_t last;
};

// Called by the whole block, which has at least `splits` threads; every thread gets its block's own place.
// `chosen` is shared and holds one element.
HG_DEVICE PartPlace place_part(const KeptPart* parts, uint32_t splits, uint32_t split, const Boundary& boundary,
                               uint64_t tie_mass, uint64_t* sums, PartPlace* chosen) {
    KeptPart part = {0, ~uint64_t(0), 0, 0};
    if (threadIdx.x < splits) part = parts[threadIdx.x];
    PartPlace place;
    place.ties_before = block_inclusive_sum(uint64_t(part.ties), sums, &place.total_ties) - part.ties;
    const uint64_t room = place.ties_before < boundary.ties ? boundary.ties - place.ties_before : 0;
    place.kept_ties = part.ties < room ? part.ties : room;
    place.mass = part.mass + place.kept_ties * tie_mass;
    const uint64_t count = part.count + place.kept_ties;
    place.count_before = block_inclusive_sum(count, sums, &place.total_count) - count;
    place.mass_before = block_inclusive_sum(place.mass, sums, &place.total_mass) - place.mass;
    place.last = ~block_maximum(~part.last, sums);
    if (threadIdx.x == split) *chosen = place;
    __syncthreads();
    place = *chosen;
    __syncthreads();
    return place;
}
