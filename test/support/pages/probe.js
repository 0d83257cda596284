// What a test wants to know of a page that it did not write: put before the page's own scripts, beside recorder.js.
let connection;
let heard;
let played;
const violations = [];

addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI, sample }) => {
  violations.push(`${violatedDirective}: ${blockedURI} ${sample}`);
});

globalThis.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...given) {
    super(...given);
    connection = this;
    this.addEventListener('track', ({ track }) => {
      heard = record(new MediaStream([track]));
    });
  }
};

const { play } = HTMLMediaElement.prototype;
HTMLMediaElement.prototype.play = function () {
  const started = play.call(this);
  if (this.src !== '' && played === undefined)
    void started.then(() => {
      played = record(this.captureStream());
    });
  return started;
};

globalThis.probe = {
  violations: () => violations,
  spoken: () => spoken(connection),
  heard: () => heard.play(),
  played: () => played.play(),
};
