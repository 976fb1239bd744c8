// Feeds the readers of packed buffers what a guest thread gone wrong could leave in shared memory. Built with sanitizers: a read beside
// the buffer ends it. `run CORPUS SECONDS EXECUTIONS SEED` mutates; `judge CORPUS` prints 1 for each batch the reader takes, else 0.
//
// A corpus is a file of pieces, each u32 length and bytes: batch, results, batch, results, ... (`judge`: batches only).
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "../src/packed.h"

using namespace streamline;
using Piece = std::vector<uint8_t>;

namespace {

// Nothing the readers hand out may be optimised away unread.
volatile uint64_t sink = 0;

std::vector<Piece> read_corpus(const char* path) {
  std::ifstream in(path, std::ios::binary);
  const std::vector<char> bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  std::vector<Piece> pieces;
  for (size_t at = 0; at + 4 <= bytes.size();) {
    uint32_t length;
    std::memcpy(&length, &bytes[at], 4);
    at += 4;
    pieces.emplace_back(bytes.begin() + at, bytes.begin() + at + length);
    at += length;
  }
  if (pieces.empty()) {
    std::fprintf(stderr, "no corpus in %s\n", path);
    std::exit(2);
  }
  return pieces;
}

// Memory that ends where the piece does, so that one byte further is seen.
struct Exact {
  explicit Exact(const Piece& piece) : length(piece.size()), bytes(new uint8_t[piece.size()]) {
    if (length > 0) std::memcpy(bytes.get(), piece.data(), length);
  }
  size_t length;
  std::unique_ptr<uint8_t[]> bytes;
};

void touch(Part part) {
  uint64_t sum = part.length;
  for (size_t i = 0; i < part.length; i += 1) sum += part.data[i];
  sink = sink + sum;
}

bool touch_headers(Part headers) {
  touch(headers);
  HeaderCursor cursor(headers);
  Part name;
  Part value;
  while (cursor.next(&name, &value)) {
    touch(name);
    touch(value);
  }
  return !cursor.corrupt();
}

bool whole(const Exact& batch, BatchView* view) {
  if (!view->open(batch.bytes.get(), batch.length)) return false;
  const uint32_t count = read_at<uint32_t>(batch.bytes.get() + 4);
  BatchView::Record record;
  for (uint32_t i = 0; i < count; i += 1) {
    if (!view->record(i, &record)) return false;
    touch(record.key);
    touch(record.value);
    if (!touch_headers(record.headers)) return false;
  }
  // One past the last is none.
  return !view->record(count, &record);
}

void read_all(const Exact& batch, const Exact& results) {
  BatchView view;
  sink = sink + (whole(batch, &view) ? 1 : 0);
  for (size_t at = 0; at < results.length;) {
    Output output;
    const size_t before = at;
    const EntryKind kind = read_entry(results.bytes.get(), results.length, &at, view, &output);
    if (kind == EntryKind::kCorrupt) break;
    if (at <= before || at > results.length) std::abort();
    if (kind == EntryKind::kOther) continue;
    touch(output.key);
    touch(output.value);
    touch_headers(output.headers);
  }
}

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed) {}

  size_t below(size_t n) { return n == 0 ? 0 : random_() % n; }

  void mutate(Piece* piece) {
    for (size_t times = 1 + below(4); times > 0; times -= 1) {
      const size_t n = piece->size();
      switch (below(6)) {
        case 0:
          piece->resize(below(n + 1));
          break;
        case 1:
          if (n > 0) (*piece)[below(n)] ^= static_cast<uint8_t>(1u << below(8));
          break;
        case 2:
          if (n > 0) (*piece)[below(n)] = static_cast<uint8_t>(random_());
          break;
        case 3:
          piece->resize(n + below(64));
          break;
        case 4: {  // a stretch over another
          if (n < 2) break;
          const size_t length = 1 + below(std::min<size_t>(n - 1, 64));
          std::memmove(&(*piece)[below(n - length + 1)], &(*piece)[below(n - length + 1)], length);
          break;
        }
        default: {  // a length or position that lies
          if (n < 4) break;
          const size_t at = below(n / 4) * 4;
          const uint32_t was = read_at<uint32_t>(piece->data() + at);
          const uint32_t lies[] = {0,          1,          0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff8, was + 1, was - 1,
                                   was + 8,    was - 8,    was * 2,    static_cast<uint32_t>(n),
                                   static_cast<uint32_t>(n - 8), static_cast<uint32_t>(random_())};
          write_at(piece->data() + at, lies[below(std::size(lies))]);
        }
      }
    }
  }

 private:
  std::mt19937_64 random_;
};

int run(const std::vector<Piece>& corpus, double seconds, uint64_t executions, uint64_t seed) {
  Mutator mutator(seed);
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  uint64_t done = 0;
  for (size_t i = 0; i + 1 < corpus.size(); i += 2) read_all(Exact(corpus[i]), Exact(corpus[i + 1]));
  while (done < executions && ((done & 1023) != 0 || std::chrono::steady_clock::now() < end)) {
    const size_t pair = mutator.below(corpus.size() / 2) * 2;
    Piece batch = corpus[pair];
    Piece results = corpus[pair + 1];
    // Mostly one of them: a batch that does not open hides what is behind it.
    const size_t which = mutator.below(5);
    if (which != 0) mutator.mutate(&results);
    if (which < 3) mutator.mutate(&batch);
    read_all(Exact(batch), Exact(results));
    done += 1;
  }
  std::printf("%llu executions, seed %llu\n", static_cast<unsigned long long>(done), static_cast<unsigned long long>(seed));
  return 0;
}

int judge(const std::vector<Piece>& corpus) {
  std::string verdicts;
  for (const Piece& piece : corpus) {
    BatchView view;
    verdicts += whole(Exact(piece), &view) ? '1' : '0';
  }
  std::puts(verdicts.c_str());
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  const std::string what = count > 2 ? arguments[1] : "";
  if (what == "judge") return judge(read_corpus(arguments[2]));
  if (what == "run" && count == 6)
    return run(read_corpus(arguments[2]), std::atof(arguments[3]), std::strtoull(arguments[4], nullptr, 10),
               std::strtoull(arguments[5], nullptr, 10));
  std::fprintf(stderr, "usage: packed_fuzz run CORPUS SECONDS EXECUTIONS SEED | judge CORPUS\n");
  return 2;
}
