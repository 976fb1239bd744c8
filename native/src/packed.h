// The packed batch and the packed results, as src/pipeline/packed-batch.ts and packed-results.ts document them: the layouts are
// said there and nowhere else. No Kafka and no Node in here, so that the readers can be fuzzed by themselves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace streamline {

// Both layouts are little-endian and the hosts we build for are too; memcpy keeps the accesses legal at any alignment.
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "packed layouts are written in host order: little-endian hosts only"
#endif

template <typename T>
inline T read_at(const uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

template <typename T>
inline void write_at(uint8_t* at, T value) {
  std::memcpy(at, &value, sizeof value);
}

inline size_t align8(size_t n) { return (n + 7) & ~size_t{7}; }

namespace batch {
constexpr uint32_t kMagic = 0x31425053;
constexpr size_t kHeaderBytes = 32;
constexpr size_t kSegmentBytes = 32;
constexpr size_t kRecordHeaderBytes = 32;

inline size_t prelude_bytes(size_t records, size_t segments) {
  return kHeaderBytes + segments * kSegmentBytes + (records + (records & 1)) * 4;
}
}  // namespace batch

namespace result {
constexpr size_t kEntryBytes = 40;
constexpr uint16_t kDefaultTopic = 0xffff;
constexpr uint8_t kOutput = 0;
constexpr uint8_t kKeyFromInput = 1;
constexpr uint8_t kValueFromInput = 2;
constexpr uint8_t kHeadersFromInput = 4;
}  // namespace result

// A stretch of bytes inside a packed buffer; no data means null.
struct Part {
  const uint8_t* data = nullptr;
  size_t length = 0;
  bool is_null() const { return data == nullptr; }
};

// Reads a packed batch in place. Everything is checked before it is read: the buffer is shared with threads that run guests.
class BatchView {
 public:
  // False when the buffer is no batch.
  bool open(const uint8_t* bytes, size_t capacity);

  struct Record {
    double timestamp_ms;
    Part key;
    Part value;
    Part headers;
  };
  // False when the index or a length lies.
  bool record(uint32_t index, Record* out) const;

 private:
  const uint8_t* bytes_ = nullptr;
  size_t length_ = 0;
  size_t index_at_ = 0;
  size_t records_at_ = 0;
  uint32_t count_ = 0;
};

// One entry of packed results, with what is the input's already filled in from the batch.
struct Output {
  uint32_t record_index;
  uint16_t topic;
  int32_t partition;
  double timestamp_ms;
  Part key;
  Part value;
  Part headers;
};

enum class EntryKind { kOutput, kOther, kCorrupt };

// Reads the entry at `*at` of `results`, which ends at `end`, and moves `*at` to the next one.
EntryKind read_entry(const uint8_t* results, size_t end, size_t* at, const BatchView& batch, Output* out);

// Walks header entries. `next` is false at the end; `corrupt()` tells whether that was a lie.
class HeaderCursor {
 public:
  explicit HeaderCursor(Part headers) : at_(headers.data), end_(headers.data + headers.length) {}
  bool next(Part* name, Part* value);
  bool corrupt() const { return corrupt_; }

 private:
  const uint8_t* at_;
  const uint8_t* end_;
  bool corrupt_ = false;
};

}  // namespace streamline
