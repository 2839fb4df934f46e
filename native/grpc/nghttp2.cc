#include "nghttp2.h"

#include <dlfcn.h>

namespace tensorgate {

bool Nghttp2IsThere() {
  constexpr const char* kNames[] = {
      "nghttp2_session_callbacks_new",
      "nghttp2_session_callbacks_del",
      "nghttp2_session_callbacks_set_on_begin_headers_callback",
      "nghttp2_session_callbacks_set_on_header_callback",
      "nghttp2_session_callbacks_set_on_invalid_header_callback",
      "nghttp2_session_callbacks_set_on_frame_recv_callback",
      "nghttp2_session_callbacks_set_on_frame_send_callback",
      "nghttp2_session_callbacks_set_on_data_chunk_recv_callback",
      "nghttp2_session_callbacks_set_on_stream_close_callback",
      "nghttp2_session_callbacks_set_send_data_callback",
      "nghttp2_option_new",
      "nghttp2_option_set_no_closed_streams",
      "nghttp2_option_set_stream_reset_rate_limit",
      "nghttp2_session_server_new2",
      "nghttp2_session_del",
      "nghttp2_session_mem_recv",
      "nghttp2_session_mem_send",
      "nghttp2_session_want_read",
      "nghttp2_session_want_write",
      "nghttp2_session_set_local_window_size",
      "nghttp2_session_set_stream_user_data",
      "nghttp2_session_get_stream_user_data",
      "nghttp2_session_resume_data",
      "nghttp2_session_terminate_session",
      "nghttp2_session_get_last_proc_stream_id",
      "nghttp2_session_get_outbound_queue_size",
      "nghttp2_submit_settings",
      "nghttp2_submit_shutdown_notice",
      "nghttp2_submit_ping",
      "nghttp2_submit_goaway",
      "nghttp2_submit_response",
      "nghttp2_submit_trailer",
      "nghttp2_submit_rst_stream",
  };
  for (const char* name : kNames)
    if (!dlsym(RTLD_DEFAULT, name)) return false;
  return true;
}

}  // namespace tensorgate
