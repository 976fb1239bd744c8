/// The last `capacity` ids, as 64-bit hashes: a ring that says which is the oldest, and an open-addressing table of places in it.
/// Two ids of one hash are taken for one: with 100,000 remembered, once in 10^14 records.
pub struct Window {
    ring: Vec<Sighting>,
    capacity: usize,
    /// Of the oldest, once the ring is full.
    next: usize,
    /// Place in the ring + 1; 0 = empty. At least twice as long as the ring, a power of two.
    table: Vec<u32>,
}

/// Where an id was seen first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    pub hash: u64,
    pub partition: i32,
    pub offset: i64,
}

impl Window {
    pub fn new(capacity: usize) -> Window {
        let capacity = capacity.max(1);
        let slots = (capacity * 2).next_power_of_two();
        Window { ring: Vec::with_capacity(capacity), capacity, next: 0, table: vec![0; slots] }
    }

    /// Whether the id was seen before. The record that was seen first is no duplicate of itself: it may come again after a rewind.
    /// An id that is new is remembered, in place of the oldest.
    pub fn is_duplicate(&mut self, sighting: Sighting) -> bool {
        match self.find(sighting.hash) {
            Some(first) => self.ring[first] != sighting,
            None => {
                self.remember(sighting);
                false
            }
        }
    }

    fn find(&self, hash: u64) -> Option<usize> {
        let mut slot = self.home(hash);
        loop {
            let place = self.at(slot)?;
            if self.ring[place].hash == hash {
                return Some(place);
            }
            slot = self.after(slot);
        }
    }

    fn remember(&mut self, sighting: Sighting) {
        let place = if self.ring.len() < self.capacity {
            self.ring.push(sighting);
            self.ring.len() - 1
        } else {
            let oldest = self.next;
            self.forget(oldest);
            self.ring[oldest] = sighting;
            self.next = (oldest + 1) % self.capacity;
            oldest
        };
        let mut slot = self.home(sighting.hash);
        while self.table[slot] != 0 {
            slot = self.after(slot);
        }
        self.table[slot] = place as u32 + 1;
    }

    /// Takes a place of the ring out of the table, and moves up what was put behind it because it was in the way.
    fn forget(&mut self, place: usize) {
        let mut hole = self.home(self.ring[place].hash);
        while self.at(hole) != Some(place) {
            hole = self.after(hole);
        }
        let mut slot = self.after(hole);
        while let Some(other) = self.at(slot) {
            let home = self.home(self.ring[other].hash);
            if self.distance(home, slot) >= self.distance(hole, slot) {
                self.table[hole] = self.table[slot];
                hole = slot;
            }
            slot = self.after(slot);
        }
        self.table[hole] = 0;
    }

    fn at(&self, slot: usize) -> Option<usize> {
        self.table[slot].checked_sub(1).map(|place| place as usize)
    }

    fn home(&self, hash: u64) -> usize {
        hash as usize & (self.table.len() - 1)
    }

    fn after(&self, slot: usize) -> usize {
        (slot + 1) & (self.table.len() - 1)
    }

    fn distance(&self, from: usize, to: usize) -> usize {
        to.wrapping_sub(from) & (self.table.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    fn sighting(hash: u64, offset: i64) -> Sighting {
        Sighting { hash, partition: 0, offset }
    }

    #[test]
    fn agrees_with_a_list_also_where_hashes_collide() {
        // Few homes and many ids: most of them are in the way of another.
        for (capacity, ids) in [(1, 3), (2, 5), (7, 20), (64, 100), (64, 10_000)] {
            let mut window = Window::new(capacity);
            let mut list: VecDeque<u64> = VecDeque::new();
            let mut random = 1u64;
            let mut duplicates = 0;
            for offset in 0..50_000 {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                let id = random % ids;
                let hash = (id % 8) | (id << 32);
                let seen = list.contains(&hash);
                assert_eq!(window.is_duplicate(sighting(hash, offset)), seen, "{capacity} {ids} {offset}");
                duplicates += u32::from(seen);
                if !seen {
                    list.push_back(hash);
                    if list.len() > capacity {
                        list.pop_front();
                    }
                }
            }
            assert!(duplicates > 0);
        }
    }

    #[test]
    fn a_record_that_comes_again_itself_is_no_duplicate() {
        let mut window = Window::new(10);
        assert!(!window.is_duplicate(sighting(1, 5)));
        assert!(window.is_duplicate(sighting(1, 6)));
        assert!(!window.is_duplicate(sighting(1, 5)));
        assert!(window.is_duplicate(Sighting { partition: 1, ..sighting(1, 5) }));
    }
}
