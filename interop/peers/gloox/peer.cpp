// Drives gloox's Jingle by the interop contract, version 1.
#include <cstdlib>
#include <gloox/client.h>
#include <gloox/connectionlistener.h>
#include <gloox/error.h>
#include <gloox/jinglecontent.h>
#include <gloox/jingleplugin.h>
#include <gloox/jinglesession.h>
#include <gloox/jinglesessionhandler.h>
#include <gloox/jinglesessionmanager.h>
#include <gloox/loghandler.h>
#include <gloox/tag.h>
#include <iostream>
#include <string>

using namespace gloox;
using Reason = Jingle::Session::Reason;

static void say(const std::string &line) { std::cout << line << std::endl; }

// An element of its own, as gloox has plug-ins for descriptions and transports.
class Part : public Jingle::Plugin {
 public:
  Part(const std::string &name, const std::string &xmlns) : Plugin(Jingle::PluginUser), name(name), xmlns(xmlns), filter("content/" + name + "[@xmlns='" + xmlns + "']") {}
  const std::string &filterString() const override { return filter; }
  Tag *tag() const override {
    Tag *tag = new Tag(name, XMLNS, xmlns);
    if (name == "transport") {
      tag->addAttribute("sid", "interop");
      tag->addAttribute("block-size", "4096");
    }
    return tag;
  }
  Plugin *newInstance(const Tag *) const override { return new Part(name, xmlns); }
  Plugin *clone() const override { return new Part(name, xmlns); }

 private:
  std::string name, xmlns, filter;
};

class Peer : public ConnectionListener, Jingle::SessionHandler, LogHandler {
 public:
  Peer() : own(getenv("INTEROP_JID")), client(own, getenv("INTEROP_PASSWORD")), sessions(&client, this) {
    std::string service = getenv("INTEROP_SERVICE");
    client.setServer("127.0.0.1");
    client.setPort(std::stoi(service.substr(service.rfind(':') + 1)));
    client.setTls(TLSDisabled);
    client.registerConnectionListener(this);
    client.logInstance().registerLogHandler(LogLevelDebug, LogAreaXmlIncoming | LogAreaXmlOutgoing, this);
    sessions.registerPlugin(new Jingle::Content());
    sessions.registerPlugin(new Reason());
  }
  void run() { client.connect(true); }

 private:
  JID own;
  Client client;
  Jingle::SessionManager sessions;
  bool over = false;

  void onConnect() override {
    say("{\"event\":\"ready\",\"jid\":\"" + client.jid().full() + "\"}");
    if (std::string(getenv("INTEROP_ROLE")) != "initiator") return;
    Jingle::Session *session = sessions.createSession(JID(getenv("INTEROP_TARGET")), this);
    Jingle::PluginList parts;
    parts.push_back(new Part("description", "urn:xmpp:balcony:interop:unknown:0"));
    parts.push_back(new Part("transport", "urn:xmpp:jingle:transports:ibb:1"));
    session->sessionInitiate(new Jingle::Content("unknown", parts));
  }
  void onDisconnect(ConnectionError) override { say(over ? "{\"event\":\"closed\"}" : "{\"event\":\"error\",\"condition\":\"disconnected\"}"); }
  bool onTLSConnect(const CertInfo &) override { return true; }

  void handleIncomingSession(Jingle::Session *) override {}
  void handleSessionAction(Jingle::Action action, Jingle::Session *session, const Jingle::Session::Jingle *jingle) override {
    if (action == Jingle::SessionInitiate) {
      session->sessionTerminate(new Reason(Reason::UnsupportedApplications));
      refused("unsupported-applications");
    } else if (action == Jingle::SessionTerminate) {
      std::string condition = "none";
      for (const Jingle::Plugin *plugin : jingle->plugins())
        if (plugin->pluginType() == Jingle::PluginReason) condition = static_cast<const Reason *>(plugin)->reason() == Reason::UnsupportedApplications ? "unsupported-applications" : "another reason";
      refused(condition);
    }
  }
  void handleSessionActionError(Jingle::Action, Jingle::Session *, const Error *error) override { refused(error && error->error() == StanzaErrorServiceUnavailable ? "service-unavailable" : "error"); }
  void refused(const std::string &condition) {
    if (over) return;
    over = true;
    say("{\"event\":\"refused\",\"condition\":\"" + condition + "\"}");
    client.disconnect();
  }
  void handleLog(LogLevel, LogArea area, const std::string &message) override { std::cerr << (area == LogAreaXmlIncoming ? "< " : "> ") << message << std::endl; }
};

void bytestreams();

int main() {
  if (std::string(getenv("INTEROP_LAYER")) == "s5b") {
    bytestreams();
  } else {
    Peer peer;
    peer.run();
  }
}
