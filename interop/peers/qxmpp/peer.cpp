// Drives QXmpp's in-band bytestreams by the interop contract, version 1. Its transfer manager opens them for XEP-0096 alone: here its stanzas are sent and read as they are.
#include <QCoreApplication>
#include <QCryptographicHash>
#include <QDomElement>
#include <QJsonDocument>
#include <QJsonObject>
#include <cstdlib>
#include <iostream>
#include <qxmpp/QXmppClient.h>
#include <qxmpp/QXmppClientExtension.h>
#include <qxmpp/QXmppConfiguration.h>
#include <qxmpp/QXmppIbbIq.h>
#include <qxmpp/QXmppLogger.h>

static void say(const std::string &line) { std::cout << line << std::endl; }

class Bytestream : public QXmppClientExtension {
 public:
  Bytestream() : options(QJsonDocument::fromJson(getenv("INTEROP_OPTIONS")).object()), target(getenv("INTEROP_TARGET")), sid(options["sid"].toString()), length(options["bytes"].toInt()), block(options["blockSize"].toInt()) {}

  void begin() {
    say("{\"event\":\"ready\",\"jid\":\"" + client()->configuration().jid().toStdString() + "\"}");
    if (std::string(getenv("INTEROP_ROLE")) != "initiator") return;
    initiator = true;
    for (int i = 0; i < length; i++) toSend.append(char((7 * i + 3) % 251));
    QXmppIbbOpenIq open;
    open.setType(QXmppIq::Set);
    open.setSid(sid);
    open.setBlockSize(block);
    ask(open);
  }

  bool handleStanza(const QDomElement &element) override {
    if (element.tagName() != "iq" || element.attribute("from") != target) return false;
    if (element.attribute("type") == "result" && element.attribute("id") == waiting) {
      answered();
      return true;
    }
    if (QXmppIbbOpenIq::isIbbOpenIq(element)) {
      QXmppIbbOpenIq open;
      open.parse(element);
      sid = open.sid();
      block = open.blockSize();
      connected();
      acknowledge(open);
    } else if (QXmppIbbDataIq::isIbbDataIq(element)) {
      QXmppIbbDataIq data;
      data.parse(element);
      acknowledge(data);
      if (data.sid() == sid && data.sequence() == expected++) came.append(data.payload());
      if (came.size() == length && !over) whole();
    } else if (QXmppIbbCloseIq::isIbbCloseIq(element)) {
      QXmppIbbCloseIq close;
      close.parse(element);
      acknowledge(close);
      finish();
    } else {
      return false;
    }
    return true;
  }

  bool over = false;

 private:
  void connected() { say("{\"event\":\"connected\",\"transport\":\"http://jabber.org/protocol/ibb\"}"); }

  void whole() {
    over = true;
    const auto hash = QCryptographicHash::hash(came, QCryptographicHash::Sha256).toHex().toStdString();
    say("{\"event\":\"received\",\"bytes\":" + std::to_string(came.size()) + ",\"sha256\":\"" + hash + "\"}");
    if (initiator) {
      QXmppIbbCloseIq close;
      close.setType(QXmppIq::Set);
      close.setSid(sid);
      closing = true;
      ask(close);
    } else {
      toSend = came;
      next();
    }
  }

  void answered() {
    if (closing) return finish();
    if (initiator && !open) {
      open = true;
      connected();
    }
    next();
  }

  void next() {
    if (toSend.isEmpty()) return;
    QXmppIbbDataIq data;
    data.setType(QXmppIq::Set);
    data.setSid(sid);
    data.setSequence(sequence++);
    data.setPayload(toSend.left(block));
    toSend.remove(0, block);
    ask(data);
  }

  void ask(QXmppIq &iq) {
    iq.setTo(target);
    waiting = iq.id();
    client()->sendPacket(iq);
  }

  void acknowledge(const QXmppIq &iq) {
    QXmppIq result(QXmppIq::Result);
    result.setId(iq.id());
    result.setTo(target);
    client()->sendPacket(result);
  }

  void finish() { client()->disconnectFromServer(); }

  const QJsonObject options;
  const QString target;
  QString sid, waiting;
  const int length;
  int block;
  quint16 sequence = 0, expected = 0;
  bool initiator = false, open = false, closing = false;
  QByteArray toSend, came;
};

int main(int argc, char **argv) {
  QCoreApplication app(argc, argv);
  QXmppClient client;
  auto *bytestream = new Bytestream;
  client.addExtension(bytestream);
  QXmppLogger logger;
  logger.setLoggingType(QXmppLogger::SignalLogging);
  client.setLogger(&logger);
  QObject::connect(&logger, &QXmppLogger::message, [](QXmppLogger::MessageType type, const QString &text) { std::cerr << (type == QXmppLogger::SentMessage ? "> " : "< ") << text.toStdString() << std::endl; });
  QObject::connect(&client, &QXmppClient::connected, [&] { bytestream->begin(); });
  QObject::connect(&client, &QXmppClient::disconnected, [&] {
    say(bytestream->over ? "{\"event\":\"closed\"}" : "{\"event\":\"error\",\"condition\":\"disconnected\"}");
    app.quit();
  });
  QXmppConfiguration configuration;
  configuration.setJid(getenv("INTEROP_JID"));
  configuration.setPassword(getenv("INTEROP_PASSWORD"));
  configuration.setHost("127.0.0.1");
  configuration.setPort(QString(getenv("INTEROP_SERVICE")).section(':', -1).toInt());
  configuration.setStreamSecurityMode(QXmppConfiguration::TLSDisabled);
  configuration.setAutoReconnectionEnabled(false);
  configuration.setSaslAuthMechanism("PLAIN");
  client.connectToServer(configuration);
  return app.exec();
}
