// The part of libuv's C API that is used here, declared from its documentation (docs.libuv.org): Node exports the
// functions, and their ABI is stable within libuv 1, but Node-API's headers do not declare them. Handles are opaque:
// their size is asked for at run time.
#pragma once

#include <cstddef>

extern "C" {

struct uv_loop_s;
struct uv_handle_s;

enum { UV_CHECK_HANDLE = 2, UV_POLL_HANDLE = 8, UV_PREPARE_HANDLE = 9 };  // uv_handle_type
enum { UV_READABLE = 1, UV_WRITABLE = 2 };                                // uv_poll_event

using uv_close_cb = void (*)(uv_handle_s*);
using uv_poll_cb = void (*)(uv_handle_s*, int status, int events);
using uv_phase_cb = void (*)(uv_handle_s*);

size_t uv_handle_size(int type);
void* uv_handle_get_data(const uv_handle_s*);
void uv_handle_set_data(uv_handle_s*, void* data);
void uv_close(uv_handle_s*, uv_close_cb);
void uv_unref(uv_handle_s*);

int uv_poll_init(uv_loop_s*, uv_handle_s*, int fd);
int uv_poll_start(uv_handle_s*, int events, uv_poll_cb);
int uv_poll_stop(uv_handle_s*);

int uv_check_init(uv_loop_s*, uv_handle_s*);
int uv_check_start(uv_handle_s*, uv_phase_cb);
int uv_prepare_init(uv_loop_s*, uv_handle_s*);
int uv_prepare_start(uv_handle_s*, uv_phase_cb);
}
