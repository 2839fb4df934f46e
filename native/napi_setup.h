// The only place that includes napi.h, so that its switches always come first.
#pragma once

#include <napi.h>
