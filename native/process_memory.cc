#include "process_memory.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "env_data.h"

namespace tensorgate {

// Off the event loop: it goes through all heaps, which takes milliseconds where much has been freed.
Napi::Value TrimMemory(const Napi::CallbackInfo& info) {
  return EnvData::Of(info.Env())->jobs->Start([] {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
    return BackgroundJobs::Done();
  });
}

}  // namespace tensorgate
