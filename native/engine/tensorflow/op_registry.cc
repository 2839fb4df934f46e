#include "op_registry.h"

#include <memory>
#include <string>

#include "../../codec/wire_walk.h"
#include "../../status.h"

namespace tensorgate {

namespace {

// Field numbers of tensorflow/core/framework/op_def.proto.
constexpr uint32_t kInputArg = 2, kIsStateful = 17;  // OpDef
constexpr uint32_t kIsRef = 16;                      // OpDef.ArgDef

// Neither is written unless it is true.
bool HasField(std::string_view message, uint32_t number) {
  for (WireWalk field(message); field.Next();)
    if (field.number() == number) return true;
  return false;
}

}  // namespace

OpTraits RegisteredOp(TF_Graph* graph, std::string_view op) {
  TfStatus status;
  const std::unique_ptr<TF_Buffer, void (*)(TF_Buffer*)> buffer(tf.TF_NewBuffer(), tf.TF_DeleteBuffer);
  tf.TF_GraphGetOpDef(graph, std::string(op).c_str(), buffer.get(), status.get());
  OpTraits traits;
  traits.is_known = status.ok();
  if (!traits.is_known) return traits;
  const std::string_view op_def(static_cast<const char*>(buffer->data), buffer->length);
  traits.is_stateful = HasField(op_def, kIsStateful);
  for (WireWalk field(op_def); field.Next();)
    if (field.number() == kInputArg) traits.takes_reference |= HasField(field.bytes(), kIsRef);
  return traits;
}

}  // namespace tensorgate
