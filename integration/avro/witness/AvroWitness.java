// SPDX-License-Identifier: Apache-2.0

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.lang.reflect.Field;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Collection;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericFixed;
import org.apache.avro.generic.IndexedRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.Encoder;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.io.JsonDecoder;
import org.apache.avro.io.JsonEncoder;

/**
 * What Apache Avro itself says: one JSON request a line on stdin, one JSON answer a line on stdout, in order.
 *
 * <pre>
 *   {op: "toBinary",  schema, json, blocks?}     Avro-JSON to {binary}
 *   {op: "toJson",    schema, binary, reader?}   to {json, rest}: Avro-JSON, and how many bytes were left over
 *   {op: "check",     schema}                    to {}
 *   {op: "roundTrip", schema, binary}            decoded and encoded again, to {binary, rest}
 * </pre>
 *
 * `schema` and `reader` are a text, or a list of texts of which each may name types of those before it; the last one counts.
 * `binary` is base64. `blocks` says how arrays and maps are cut: "one", "many" (a count each) or "sized" (a count and a length
 * in bytes). An answer to what cannot be done is {error}.
 */
public final class AvroWitness {
  private static final ObjectMapper JSON = new ObjectMapper();
  /** JsonDecoder reads no NaN or infinity at all, though JsonEncoder writes them as strings: here they may stand bare. */
  private static final JsonFactory NON_FINITE = JsonFactory.builder().enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS).build();
  /** The fast reader makes its maps without asking. */
  private static final GenericData SLOW = new GenericData().setFastReaderEnabled(false);
  private static final int SCHEMAS_MAX = 1_000;
  private static final int ITEMS_A_BLOCK = 2;
  /** The least that EncoderFactory takes. */
  private static final int BLOCK_BYTES = 64;

  private static final Map<JsonNode, Schema> schemas = new LinkedHashMap<>() {
    @Override
    protected boolean removeEldestEntry(Map.Entry<JsonNode, Schema> eldest) {
      return size() > SCHEMAS_MAX;
    }
  };

  public static void main(String[] args) throws IOException {
    final BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    final BufferedWriter out = new BufferedWriter(new OutputStreamWriter(System.out, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      out.write(JSON.writeValueAsString(answer(line)));
      out.write('\n');
      if (!in.ready()) out.flush();
    }
    out.flush();
  }

  private static ObjectNode answer(String line) {
    try {
      final JsonNode request = JSON.readTree(line);
      final Schema schema = schemaOf(request.get("schema"));
      switch (request.get("op").asText()) {
        case "toBinary":
          return binaryAnswer(toBinary(schema, decodeJson(schema, request.get("json").asText()), request.path("blocks").asText("one")));
        case "toJson": {
          final JsonNode reader = request.get("reader");
          final Schema target = reader == null ? schema : schemaOf(reader);
          final BinaryDecoder decoder = binaryDecoder(request);
          final Object value = new OrderedReader(schema, target).read(null, decoder);
          return JSON.createObjectNode().put("json", toJson(target, value)).put("rest", decoder.inputStream().available());
        }
        case "check":
          return JSON.createObjectNode();
        case "roundTrip": {
          final BinaryDecoder decoder = binaryDecoder(request);
          final Object value = new OrderedReader(schema, schema).read(null, decoder);
          return binaryAnswer(toBinary(schema, value, "one")).put("rest", decoder.inputStream().available());
        }
        default:
          throw new IllegalArgumentException("no such op");
      }
    } catch (Exception | StackOverflowError | OutOfMemoryError problem) {
      return JSON.createObjectNode().put("error", problem.getClass().getSimpleName() + ": " + problem.getMessage());
    }
  }

  private static Schema schemaOf(JsonNode source) {
    final Schema known = schemas.get(source);
    if (known != null) return known;
    final Schema.Parser parser = new Schema.Parser();
    Schema schema = null;
    if (source.isTextual()) schema = parser.parse(source.asText());
    for (final JsonNode text : source) schema = parser.parse(text.asText());
    schemas.put(source, schema);
    return schema;
  }

  private static Object decodeJson(Schema schema, String json) throws IOException, ReflectiveOperationException {
    final JsonDecoder decoder = DecoderFactory.get().jsonDecoder(schema, "null");
    final Field parser = JsonDecoder.class.getDeclaredField("in");
    parser.setAccessible(true);
    final JsonParser tokens = NON_FINITE.createParser(json);
    tokens.nextToken();
    parser.set(decoder, tokens);
    return new OrderedReader(schema, schema).read(null, decoder);
  }

  private static BinaryDecoder binaryDecoder(JsonNode request) {
    return DecoderFactory.get().binaryDecoder(Base64.getDecoder().decode(request.get("binary").asText()), null);
  }

  private static ObjectNode binaryAnswer(byte[] bytes) {
    return JSON.createObjectNode().put("binary", Base64.getEncoder().encodeToString(bytes));
  }

  private static byte[] toBinary(Schema schema, Object value, String blocks) throws IOException {
    final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    final BinaryEncoder encoder = blocks.equals("sized")
        ? new EncoderFactory().configureBlockSize(BLOCK_BYTES).blockingBinaryEncoder(bytes, null)
        : EncoderFactory.get().binaryEncoder(bytes, null);
    (blocks.equals("many") ? new CuttingWriter(schema) : new GenericDatumWriter<Object>(schema)).write(value, encoder);
    encoder.flush();
    return bytes.toByteArray();
  }

  private static String toJson(Schema schema, Object value) throws IOException {
    if (isBeyondEncoder(schema, new HashSet<>())) return JSON.writeValueAsString(tree(schema, value));
    final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    final JsonEncoder encoder = EncoderFactory.get().jsonEncoder(schema, bytes);
    try {
      new GenericDatumWriter<Object>(schema).write(value, encoder);
      encoder.flush();
    } catch (NullPointerException lost) {
      // As JsonDecoder it loses its way in some recursive unions.
      return JSON.writeValueAsString(tree(schema, value));
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }

  /** JsonEncoder leaves out a record without fields, braces and all, and the sign of a float's zero. */
  private static boolean isBeyondEncoder(Schema schema, Set<String> seen) {
    switch (schema.getType()) {
      case ARRAY:
        return isBeyondEncoder(schema.getElementType(), seen);
      case MAP:
        return isBeyondEncoder(schema.getValueType(), seen);
      case UNION:
        return schema.getTypes().stream().anyMatch(branch -> isBeyondEncoder(branch, seen));
      case RECORD:
        if (!seen.add(schema.getFullName())) return false;
        return schema.getFields().isEmpty() || schema.getFields().stream().anyMatch(field -> isBeyondEncoder(field.schema(), seen));
      case FLOAT:
        return true;
      default:
        return false;
    }
  }

  /** The JSON encoding of the specification, for what JsonEncoder does not do. */
  private static JsonNode tree(Schema schema, Object value) {
    switch (schema.getType()) {
      case UNION: {
        final Schema branch = schema.getTypes().get(SLOW.resolveUnion(schema, value));
        final JsonNode inner = tree(branch, value);
        return branch.getType() == Schema.Type.NULL ? inner : JSON.createObjectNode().set(branch.getFullName(), inner);
      }
      case RECORD: {
        final ObjectNode object = JSON.createObjectNode();
        for (final Schema.Field field : schema.getFields()) {
          object.set(field.name(), tree(field.schema(), ((IndexedRecord) value).get(field.pos())));
        }
        return object;
      }
      case ARRAY: {
        final ArrayNode array = JSON.createArrayNode();
        for (final Object item : (Collection<?>) value) array.add(tree(schema.getElementType(), item));
        return array;
      }
      case MAP: {
        final ObjectNode object = JSON.createObjectNode();
        ((Map<?, ?>) value).forEach((key, item) -> object.set(key.toString(), tree(schema.getValueType(), item)));
        return object;
      }
      case BYTES:
        return JSON.getNodeFactory().textNode(StandardCharsets.ISO_8859_1.decode(((ByteBuffer) value).duplicate()).toString());
      case FIXED:
        return JSON.getNodeFactory().textNode(new String(((GenericFixed) value).bytes(), StandardCharsets.ISO_8859_1));
      case ENUM:
      case STRING:
        return JSON.getNodeFactory().textNode(value.toString());
      default:
        return JSON.valueToTree(value);
    }
  }

  /** Maps keep the order of their entries, so that bytes can be compared. */
  private static final class OrderedReader extends GenericDatumReader<Object> {
    OrderedReader(Schema writer, Schema reader) {
      super(writer, reader, SLOW);
    }

    @Override
    protected Object newMap(Object old, int size) {
      return new LinkedHashMap<Object, Object>();
    }
  }

  /** Arrays and maps in blocks of a few items, each a count alone. */
  private static final class CuttingWriter extends GenericDatumWriter<Object> {
    CuttingWriter(Schema schema) {
      super(schema);
    }

    @Override
    protected void writeArray(Schema schema, Object datum, Encoder out) throws IOException {
      final Collection<?> items = (Collection<?>) datum;
      int left = items.size();
      int inBlock = 0;
      out.writeArrayStart();
      for (final Object item : items) {
        if (inBlock == 0) out.setItemCount(inBlock = Math.min(left, ITEMS_A_BLOCK));
        out.startItem();
        write(schema.getElementType(), item, out);
        inBlock -= 1;
        left -= 1;
      }
      out.writeArrayEnd();
    }

    @Override
    protected void writeMap(Schema schema, Object datum, Encoder out) throws IOException {
      final Iterator<? extends Map.Entry<?, ?>> entries = ((Map<?, ?>) datum).entrySet().iterator();
      int left = ((Map<?, ?>) datum).size();
      int inBlock = 0;
      out.writeMapStart();
      while (entries.hasNext()) {
        final Map.Entry<?, ?> entry = entries.next();
        if (inBlock == 0) out.setItemCount(inBlock = Math.min(left, ITEMS_A_BLOCK));
        out.startItem();
        writeString(entry.getKey(), out);
        write(schema.getValueType(), entry.getValue(), out);
        inBlock -= 1;
        left -= 1;
      }
      out.writeMapEnd();
    }
  }
}
