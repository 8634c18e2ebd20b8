/* libnice as a peer of the interop harness (interop/README.md): ICE-TCP, then the payload. Signalling is lines of JSON on stdin and stdout. */
#include <nice/agent.h>
#include <json-glib/json-glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static NiceAgent *agent;
static guint stream;
static GMainLoop *loop;
static gboolean initiator, connected, sent;
static gint64 wanted = 65536;
static gint64 came, echoed;
static GChecksum *sum;
static GByteArray *queue; /* what is still to be sent */

static guint8 octet(gint64 i) { return (7 * i + 3) % 251; }

static void say(const char *line) {
  puts(line);
  fflush(stdout);
}

static void fail(const char *condition, const char *text) {
  gchar *line = g_strdup_printf("{\"event\":\"error\",\"condition\":\"%s\",\"text\":\"%s\"}", condition, text);
  say(line);
  exit(0);
}

static void finish(void) {
  say("{\"event\":\"closed\"}");
  exit(0);
}

static gboolean flush(gpointer unused) {
  (void)unused;
  while (queue->len > 0) {
    gint n = nice_agent_send(agent, stream, 1, MIN(queue->len, 1200), (gchar *)queue->data);
    if (n <= 0) return G_SOURCE_CONTINUE; /* until the transport is writable again */
    g_byte_array_remove_range(queue, 0, n);
    echoed += n;
  }
  if (!initiator && echoed == wanted) g_timeout_add(1000, (GSourceFunc)finish, NULL);
  return G_SOURCE_REMOVE;
}

static void queue_bytes(const guint8 *bytes, guint length) {
  gboolean idle = queue->len == 0;
  g_byte_array_append(queue, bytes, length);
  if (idle) g_timeout_add(1, flush, NULL);
}

static void on_data(NiceAgent *a, guint s, guint c, guint length, gchar *bytes, gpointer unused) {
  (void)a, (void)s, (void)c, (void)unused;
  g_checksum_update(sum, (guchar *)bytes, length);
  came += length;
  if (!initiator) queue_bytes((guint8 *)bytes, length);
  if (came < wanted) return;
  gchar *line = g_strdup_printf("{\"event\":\"received\",\"bytes\":%" G_GINT64_FORMAT ",\"sha256\":\"%s\"}", came, g_checksum_get_string(sum));
  say(line);
  if (initiator) finish();
}

static void on_state(NiceAgent *a, guint s, guint c, guint state, gpointer unused) {
  (void)a, (void)s, (void)c, (void)unused;
  fprintf(stderr, "state %s\n", nice_component_state_to_string(state));
  if (state == NICE_COMPONENT_STATE_FAILED && connected && echoed == wanted) finish(); /* the other end has closed */
  if (state == NICE_COMPONENT_STATE_FAILED) fail("connectivity-error", "no pair of candidates connected");
  if (state != NICE_COMPONENT_STATE_READY || connected) return;
  connected = TRUE;
  say("{\"event\":\"connected\",\"transport\":\"urn:xmpp:jingle:transports:ice:0\"}");
  if (!initiator || sent) return;
  sent = TRUE;
  guint8 *bytes = g_malloc(wanted);
  for (gint64 i = 0; i < wanted; i++) bytes[i] = octet(i);
  queue_bytes(bytes, wanted);
}

static void on_gathered(NiceAgent *a, guint s, gpointer unused) {
  (void)a, (void)s, (void)unused;
  gchar *ufrag, *pwd;
  nice_agent_get_local_credentials(agent, stream, &ufrag, &pwd);
  GString *list = g_string_new("");
  GSList *candidates = nice_agent_get_local_candidates(agent, stream, 1);
  for (GSList *one = candidates; one; one = one->next) {
    gchar *sdp = nice_agent_generate_local_candidate_sdp(agent, one->data);
    g_string_append_printf(list, "%s\"%s\"", list->len ? "," : "", strncmp(sdp, "a=", 2) ? sdp : sdp + 2);
  }
  gchar *line = g_strdup_printf("{\"event\":\"signal\",\"ufrag\":\"%s\",\"pwd\":\"%s\",\"candidates\":[%s],\"end\":true}", ufrag, pwd, list->str);
  say(line);
}

static void take(const gchar *line) {
  JsonParser *parser = json_parser_new();
  if (!json_parser_load_from_data(parser, line, -1, NULL)) fail("bad-request", "a line that is no JSON");
  JsonObject *signal = json_node_get_object(json_parser_get_root(parser));
  if (json_object_has_member(signal, "ufrag"))
    nice_agent_set_remote_credentials(agent, stream, json_object_get_string_member(signal, "ufrag"), json_object_get_string_member(signal, "pwd"));
  if (!json_object_has_member(signal, "candidates")) return;
  JsonArray *candidates = json_object_get_array_member(signal, "candidates");
  GSList *list = NULL;
  for (guint i = 0; i < json_array_get_length(candidates); i++) {
    gchar *sdp = g_strdup_printf("a=%s", json_array_get_string_element(candidates, i));
    NiceCandidate *one = nice_agent_parse_remote_candidate_sdp(agent, stream, sdp);
    if (!one) fail("bad-request", "a candidate that libnice cannot read");
    list = g_slist_append(list, one);
  }
  nice_agent_set_remote_candidates(agent, stream, 1, list);
}

static gboolean on_input(GIOChannel *input, GIOCondition condition, gpointer unused) {
  (void)condition, (void)unused;
  gchar *line = NULL;
  if (g_io_channel_read_line(input, &line, NULL, NULL, NULL) != G_IO_STATUS_NORMAL) return G_SOURCE_REMOVE;
  take(line);
  g_free(line);
  return G_SOURCE_CONTINUE;
}

int main(void) {
  if (g_strcmp0(g_getenv("INTEROP_TASK"), "describe") == 0) {
    say("{\"event\":\"describe\",\"name\":\"libnice\",\"version\":\"0.1.21\",\"layers\":{\"ice-tcp\":[\"initiator\",\"responder\"]}}");
    return 0;
  }
  initiator = g_strcmp0(g_getenv("INTEROP_ROLE"), "initiator") == 0;
  JsonParser *options = json_parser_new();
  if (g_getenv("INTEROP_OPTIONS") && json_parser_load_from_data(options, g_getenv("INTEROP_OPTIONS"), -1, NULL)) {
    JsonObject *given = json_node_get_object(json_parser_get_root(options));
    if (json_object_has_member(given, "bytes")) wanted = json_object_get_int_member(given, "bytes");
  }
  loop = g_main_loop_new(NULL, FALSE);
  sum = g_checksum_new(G_CHECKSUM_SHA256);
  queue = g_byte_array_new();
  agent = nice_agent_new_full(g_main_loop_get_context(loop), NICE_COMPATIBILITY_RFC5245, NICE_AGENT_OPTION_REGULAR_NOMINATION | NICE_AGENT_OPTION_RELIABLE);
  g_object_set(agent, "ice-udp", FALSE, "ice-tcp", TRUE, "upnp", FALSE, "controlling-mode", initiator, NULL);
  NiceAddress loopback;
  nice_address_init(&loopback);
  nice_address_set_from_string(&loopback, "127.0.0.1");
  nice_agent_add_local_address(agent, &loopback);
  stream = nice_agent_add_stream(agent, 1);
  nice_agent_attach_recv(agent, stream, 1, g_main_loop_get_context(loop), on_data, NULL);
  g_signal_connect(agent, "component-state-changed", G_CALLBACK(on_state), NULL);
  g_signal_connect(agent, "candidate-gathering-done", G_CALLBACK(on_gathered), NULL);
  GIOChannel *input = g_io_channel_unix_new(0);
  g_io_add_watch(input, G_IO_IN | G_IO_HUP, on_input, NULL);
  say("{\"event\":\"ready\",\"port\":9}");
  if (!nice_agent_gather_candidates(agent, stream)) fail("connectivity-error", "nothing gathered");
  g_main_loop_run(loop);
  return 0;
}
