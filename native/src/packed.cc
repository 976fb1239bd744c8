#include "packed.h"

namespace streamline {

bool BatchView::open(const uint8_t* bytes, size_t capacity) {
  if (capacity < batch::kHeaderBytes || read_at<uint32_t>(bytes) != batch::kMagic) return false;
  const uint32_t count = read_at<uint32_t>(bytes + 4);
  const size_t length = read_at<uint32_t>(bytes + 8);
  const size_t segments = read_at<uint32_t>(bytes + 12);
  if (length > capacity) return false;
  // 64-bit sizes: 2^32 records of 4 bytes do not wrap.
  const size_t records_at = batch::prelude_bytes(count, segments);
  if (records_at > length) return false;
  bytes_ = bytes;
  length_ = length;
  count_ = count;
  index_at_ = batch::kHeaderBytes + segments * batch::kSegmentBytes;
  records_at_ = records_at;
  return true;
}

bool BatchView::record(uint32_t index, Record* out) const {
  if (index >= count_) return false;
  const size_t at = read_at<uint32_t>(bytes_ + index_at_ + size_t{index} * 4);
  if ((at & 7) != 0 || at < records_at_ || at + batch::kRecordHeaderBytes > length_) return false;
  const uint8_t* record = bytes_ + at;
  const int32_t value_length = read_at<int32_t>(record + 20);
  const size_t headers_length = read_at<uint32_t>(record + 24);
  const int32_t key_length = read_at<int32_t>(record + 28);
  const size_t key_bytes = key_length < 0 ? 0 : static_cast<size_t>(key_length);
  const size_t value_bytes = value_length < 0 ? 0 : static_cast<size_t>(value_length);
  if (key_bytes + value_bytes + headers_length > length_ - at - batch::kRecordHeaderBytes) return false;
  const uint8_t* key = record + batch::kRecordHeaderBytes;
  out->timestamp_ms = read_at<double>(record + 8);
  out->key = {key_length < 0 ? nullptr : key, key_bytes};
  out->value = {value_length < 0 ? nullptr : key + key_bytes, value_bytes};
  out->headers = {key + key_bytes + value_bytes, headers_length};
  return true;
}

EntryKind read_entry(const uint8_t* results, size_t end, size_t* at, const BatchView& batch, Output* out) {
  const size_t start = *at;
  if (start > end || end - start < result::kEntryBytes) return EntryKind::kCorrupt;
  const uint8_t* entry = results + start;
  const size_t length = read_at<uint32_t>(entry);
  if ((length & 7) != 0 || length < result::kEntryBytes || length > end - start) return EntryKind::kCorrupt;
  *at = start + length;
  if (entry[8] != result::kOutput) return EntryKind::kOther;

  const uint8_t flags = entry[9];
  out->record_index = read_at<uint32_t>(entry + 4);
  out->topic = read_at<uint16_t>(entry + 10);
  out->partition = read_at<int32_t>(entry + 12);
  const int32_t value_length = read_at<int32_t>(entry + 24);
  const size_t headers_length = read_at<uint32_t>(entry + 28);
  const int32_t key_length = read_at<int32_t>(entry + 36);
  const size_t key_bytes = key_length < 0 ? 0 : static_cast<size_t>(key_length);
  const size_t value_bytes = value_length < 0 ? 0 : static_cast<size_t>(value_length);
  if (key_bytes + value_bytes + headers_length > length - result::kEntryBytes) return EntryKind::kCorrupt;
  BatchView::Record record;
  if (!batch.record(out->record_index, &record)) return EntryKind::kCorrupt;
  const uint8_t* key = entry + result::kEntryBytes;
  out->timestamp_ms = record.timestamp_ms;
  out->key = (flags & result::kKeyFromInput) != 0 ? record.key : Part{key_length < 0 ? nullptr : key, key_bytes};
  out->value = (flags & result::kValueFromInput) != 0
                   ? record.value
                   : Part{value_length < 0 ? nullptr : key + key_bytes, value_bytes};
  out->headers = (flags & result::kHeadersFromInput) != 0 ? record.headers
                                                          : Part{key + key_bytes + value_bytes, headers_length};
  return EntryKind::kOutput;
}

bool HeaderCursor::next(Part* name, Part* value) {
  if (corrupt_ || at_ >= end_) return false;
  corrupt_ = true;
  if (end_ - at_ < 8) return false;
  const size_t name_length = read_at<uint32_t>(at_);
  if (name_length > static_cast<size_t>(end_ - at_) - 8) return false;
  *name = {at_ + 4, name_length};
  at_ += 4 + name_length;
  const int32_t value_length = read_at<int32_t>(at_);
  at_ += 4;
  if (value_length < 0) {
    *value = {};
  } else {
    if (value_length > end_ - at_) return false;
    *value = {at_, static_cast<size_t>(value_length)};
    at_ += value_length;
  }
  corrupt_ = false;
  return true;
}

}  // namespace streamline
