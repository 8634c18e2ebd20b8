/* Drives GnuTLS by the interop contract, version 1: layer starttls, both roles. */
#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <json-glib/json-glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int fd = -1;
static gnutls_session_t tls; /* NULL in the clear */
static char seen[1 << 20];   /* all that came since the last restart of the stream */
static size_t length;
static const char *text;

static void fail(const char *condition, const char *why) {
  printf("{\"event\":\"error\",\"condition\":\"%s\",\"text\":\"%s\"}\n", condition, why);
  fflush(stdout);
  exit(0);
}

static void say(const char *line) {
  puts(line);
  fflush(stdout);
}

static void put(const char *xml) {
  fprintf(stderr, "> %s\n", xml);
  size_t size = strlen(xml), sent = 0;
  while (sent < size) {
    ssize_t n = tls ? gnutls_record_send(tls, xml + sent, size - sent) : write(fd, xml + sent, size - sent);
    if (n <= 0) fail("closed", "writing failed");
    sent += n;
  }
}

/* Reads until the pattern has come. */
static char *await(const char *pattern) {
  for (;;) {
    char *found = strstr(seen, pattern);
    if (found) return found;
    ssize_t n = tls ? gnutls_record_recv(tls, seen + length, sizeof seen - length - 1) : read(fd, seen + length, sizeof seen - length - 1);
    if (tls && (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)) continue;
    if (n < 0) fail("tls-failed", tls ? gnutls_strerror(n) : "reading failed");
    if (n == 0) fail("closed", "the bytes ended");
    fprintf(stderr, "< %.*s\n", (int)n, seen + length);
    length += n;
    seen[length] = 0;
  }
}

/* The end of a tag that has begun. */
static void tag(const char *begin) {
  await(begin);
  for (char *end = strstr(seen, begin); !strchr(end, '>'); end = strstr(seen, begin)) {
    ssize_t n = tls ? gnutls_record_recv(tls, seen + length, sizeof seen - length - 1) : read(fd, seen + length, sizeof seen - length - 1);
    if (n <= 0) fail("closed", "the bytes ended within a tag");
    length += n;
    seen[length] = 0;
  }
}

static void restart(void) {
  length = 0;
  seen[0] = 0;
}

static char *bare(const char *jid) { return strndup(jid, strcspn(jid, "/")); }

static void header(const char *id) {
  char *from = bare(getenv("INTEROP_JID")), *to = bare(getenv("INTEROP_TARGET"));
  char *xml = g_strdup_printf("<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' from='%s' to='%s' version='1.0'%s>", from, to, id);
  put(xml);
  g_free(xml);
}

static void handshake(int server, const char *certificate, const char *key) {
  gnutls_certificate_credentials_t credentials;
  gnutls_certificate_allocate_credentials(&credentials);
  int status = gnutls_certificate_set_x509_key_file(credentials, certificate, key, GNUTLS_X509_FMT_PEM);
  if (status < 0) fail("no-key", gnutls_strerror(status));
  gnutls_session_t session;
  gnutls_init(&session, server ? GNUTLS_SERVER : GNUTLS_CLIENT);
  gnutls_priority_set_direct(session, "NORMAL:-VERS-ALL:+VERS-TLS1.3:%PROFILE_VERY_WEAK", NULL);
  gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
  if (server) gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE);
  gnutls_transport_set_int(session, fd);
  do status = gnutls_handshake(session);
  while (status < 0 && !gnutls_error_is_fatal(status));
  if (status < 0) fail("tls-failed", gnutls_strerror(status));
  tls = session;
  unsigned count = 0;
  const gnutls_datum_t *peers = gnutls_certificate_get_peers(session, &count);
  if (!peers || count == 0) fail("no-certificate", "the other end showed none");
  unsigned char hash[32];
  size_t size = sizeof hash;
  gnutls_fingerprint(GNUTLS_DIG_SHA256, &peers[0], hash, &size);
  char hex[65];
  for (int i = 0; i < 32; i++) sprintf(hex + 2 * i, "%02x", hash[i]);
  say("{\"event\":\"connected\",\"transport\":\"tcp\"}");
  printf("{\"event\":\"secured\",\"protocol\":\"%s\",\"fingerprint\":\"%s\"}\n", gnutls_protocol_get_version(session) == GNUTLS_TLS1_3 ? "TLSv1.3" : "other", hex);
  fflush(stdout);
}

static void received(void) {
  char *body = await("</body>");
  *body = 0;
  printf("{\"event\":\"received\",\"text\":\"%s\"}\n", strstr(seen, "<body>") + 6);
  fflush(stdout);
  *body = '<';
}

static void message(void) {
  char *xml = g_strdup_printf("<message><body>%s</body></message>", text);
  put(xml);
  g_free(xml);
}

int main(void) {
  JsonParser *parser = json_parser_new();
  if (!json_parser_load_from_data(parser, getenv("INTEROP_OPTIONS"), -1, NULL)) return 2;
  JsonObject *options = json_node_get_object(json_parser_get_root(parser));
  text = json_object_get_string_member(options, "text");
  const char *certificate = json_object_get_string_member(options, "certificate"), *key = json_object_get_string_member(options, "key");
  int port = atoi(strrchr(getenv("INTEROP_SERVICE"), ':') + 1), server = strcmp(getenv("INTEROP_ROLE"), "responder") == 0;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  fd = socket(AF_INET, SOCK_STREAM, 0);
  if (server) {
    int one = 1, listener = fd;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1)) return 2;
    printf("{\"event\":\"ready\",\"port\":%d}\n", port);
    fflush(stdout);
    fd = accept(listener, NULL, NULL);
    tag("<stream:stream");
    header(" id='clear'");
    put("<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>");
    tag("<starttls");
    if (!strstr(strstr(seen, "<starttls"), "/>")) await("</starttls>");
    put("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    restart();
    handshake(1, certificate, key);
    tag("<stream:stream");
    header(" id='tls'");
    put("<stream:features/>");
    received();
    message();
    await("</stream:stream>");
    put("</stream:stream>");
  } else {
    say("{\"event\":\"ready\"}");
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) fail("closed", "no connection");
    header("");
    await("</stream:features>");
    put("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    tag("<proceed");
    restart();
    handshake(0, certificate, key);
    header("");
    while (!strstr(seen, "<stream:features/>") && !strstr(seen, "</stream:features>")) {
      ssize_t n = gnutls_record_recv(tls, seen + length, sizeof seen - length - 1);
      if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED) continue;
      if (n <= 0) fail("closed", n ? gnutls_strerror(n) : "the bytes ended");
      length += n;
      seen[length] = 0;
    }
    message();
    received();
    put("</stream:stream>");
    await("</stream:stream>");
  }
  gnutls_bye(tls, GNUTLS_SHUT_WR);
  say("{\"event\":\"closed\"}");
  return 0;
}
