// Drives gloox's SOCKS5 bytestreams (XEP-0065 without Jingle) by the interop contract, version 1. As initiator it offers the server's proxy.
#include <cstdlib>
#include <gloox/bytestreamdatahandler.h>
#include <gloox/bytestreamhandler.h>
#include <gloox/client.h>
#include <gloox/connectionlistener.h>
#include <gloox/iq.h>
#include <gloox/iqhandler.h>
#include <gloox/loghandler.h>
#include <gloox/socks5bytestream.h>
#include <gloox/socks5bytestreammanager.h>
#include <gloox/stanzaextension.h>
#include <gloox/tag.h>
#include <iostream>
#include <openssl/evp.h>
#include <string>

using namespace gloox;

static void say(const std::string &line) { std::cout << line << std::endl; }

// The number, or the text in quotation marks, behind this key: what the runner writes has neither blanks nor escapes in them.
static std::string option(const std::string &key) {
  const std::string options = getenv("INTEROP_OPTIONS"), mark = "\"" + key + "\":";
  size_t at = options.find(mark);
  if (at == std::string::npos) return "";
  at += mark.size();
  if (options[at] == '"') return options.substr(at + 1, options.find('"', at + 1) - at - 1);
  return options.substr(at, options.find_first_of(",}", at) - at);
}

static std::string sha256(const std::string &data) {
  unsigned char digest[32];
  EVP_Digest(data.data(), data.size(), digest, nullptr, EVP_sha256(), nullptr);
  std::string hex;
  for (unsigned char octet : digest) hex += "0123456789abcdef"[octet >> 4], hex += "0123456789abcdef"[octet & 15];
  return hex;
}

// gloox keeps its own query to itself: this one asks a proxy for its address (XEP-0065 §4).
class AddressQuery : public StanzaExtension {
 public:
  AddressQuery() : StanzaExtension(ExtUser + 1) {}
  const std::string &filterString() const override { return EmptyString; }
  StanzaExtension *newInstance(const Tag *) const override { return new AddressQuery(); }
  StanzaExtension *clone() const override { return new AddressQuery(); }
  Tag *tag() const override { return new Tag("query", XMLNS, XMLNS_BYTESTREAMS); }
};

class Streams : public ConnectionListener, BytestreamHandler, BytestreamDataHandler, IqHandler, LogHandler {
 public:
  Streams() : own(getenv("INTEROP_JID")), target(getenv("INTEROP_TARGET")), client(own, getenv("INTEROP_PASSWORD")), manager(&client, this) {
    std::string service = getenv("INTEROP_SERVICE");
    initiator = std::string(getenv("INTEROP_ROLE")) == "initiator";
    client.setServer("127.0.0.1");
    client.setPort(std::stoi(service.substr(service.rfind(':') + 1)));
    client.setTls(TLSDisabled);
    client.registerConnectionListener(this);
    client.logInstance().registerLogHandler(LogLevelDebug, LogAreaXmlIncoming | LogAreaXmlOutgoing, this);
    for (int i = 0, length = std::stoi(option("bytes")); i < length; i++) payload += char((7 * i + 3) % 251);
  }

  void run() {
    if (!client.connect(false)) return;
    while (!over) {
      client.recv(10'000);
      if (stream && initiator && !sent) sent = stream->send(payload);  // not within handleBytestreamOpen(): it is not open yet there
      if (stream && stream->recv(10'000) != ConnNoError) finish();
    }
    say("{\"event\":\"closed\"}");
    client.disconnect();
  }

 private:
  JID own, target;
  Client client;
  SOCKS5BytestreamManager manager;
  Bytestream *stream = nullptr;
  bool initiator = false, sent = false, over = false;
  std::string payload, came, last;

  void finish() { over = true; }
  void fail(const std::string &condition) {
    say("{\"event\":\"error\",\"condition\":\"" + condition + "\"}");
    exit(0);
  }

  void onConnect() override {
    say("{\"event\":\"ready\",\"jid\":\"" + client.jid().full() + "\"}");
    if (!initiator) return;
    IQ query(IQ::Get, JID(option("proxy")), client.getID());
    query.addExtension(new AddressQuery());
    client.send(query, this, 0);
  }
  bool handleIq(const IQ &) override { return false; }
  void handleIqID(const IQ &iq, int) override {
    if (iq.subtype() != IQ::Result || attribute("host").empty()) return fail("no-proxy");
    manager.addStreamHost(iq.from(), attribute("host"), std::stoi(attribute("port")));
    manager.requestSOCKS5Bytestream(target, SOCKS5BytestreamManager::S5BTCP, option("sid"));
  }
  // Of the streamhost that came last.
  std::string attribute(const std::string &name) const {
    size_t at = last.find(name + "='", last.find("<streamhost"));
    if (at == std::string::npos) return "";
    at += name.size() + 2;
    return last.substr(at, last.find("'", at) - at);
  }
  void onDisconnect(ConnectionError) override {
    if (!over) fail("disconnected");
  }
  bool onTLSConnect(const CertInfo &) override { return true; }

  void handleIncomingBytestreamRequest(const std::string &sid, const JID &from) override {
    if (from == target) manager.acceptSOCKS5Bytestream(sid);
    else manager.rejectSOCKS5Bytestream(sid);
  }
  void handleIncomingBytestream(Bytestream *bytestream) override { begin(bytestream); }
  void handleOutgoingBytestream(Bytestream *bytestream) override { begin(bytestream); }
  void handleBytestreamError(const IQ &, const std::string &) override { fail("refused"); }
  void begin(Bytestream *bytestream) {
    stream = bytestream;
    stream->registerBytestreamDataHandler(this);
    if (!stream->connect()) fail("not-connected");
  }

  void handleBytestreamOpen(Bytestream *) override {
    say("{\"event\":\"connected\",\"transport\":\"http://jabber.org/protocol/bytestreams\"}");
  }
  void handleBytestreamData(Bytestream *, const std::string &data) override {
    came += data;
    if (came.size() < payload.size()) return;
    say("{\"event\":\"received\",\"bytes\":" + std::to_string(came.size()) + ",\"sha256\":\"" + sha256(came) + "\"}");
    if (initiator) {
      stream->close();
      finish();
    } else {
      stream->send(came);
    }
  }
  void handleBytestreamError(Bytestream *, const IQ &) override { fail("bytestream"); }
  void handleBytestreamClose(Bytestream *) override { finish(); }
  void handleLog(LogLevel, LogArea area, const std::string &message) override {
    if (area == LogAreaXmlIncoming && message.find("<streamhost ") != std::string::npos) last = message;
    std::cerr << (area == LogAreaXmlIncoming ? "< " : "> ") << message << std::endl;
  }
};

void bytestreams() {
  Streams streams;
  streams.run();
}
