// A worker that reads codes out of camera frames, so that the page stays smooth; a classic one, because WeChat's browser knows no other.
"use strict";
let ready = null;
const LOOKED_FOR = ["QRCode", "Code128", "DataMatrix", "PDF417", "EAN13"];

self.onmessage = async ({ data }) => {
  if (data.decoder) {
    importScripts(data.decoder);
    ready = self.ZXingWASM.prepareZXingModule({ overrides: { locateFile: () => data.wasm }, fireImmediately: true });
    try {
      await ready;
      self.postMessage({ ready: true });
    } catch {
      self.postMessage({ failed: true });
    }
    return;
  }
  await ready;
  const image = new ImageData(new Uint8ClampedArray(data.pixels), data.width, data.height);
  const found = await self.ZXingWASM.readBarcodes(image, { formats: LOOKED_FOR, maxNumberOfSymbols: 1, tryHarder: data.harder, tryInvert: data.harder, tryDownscale: true });
  self.postMessage({ text: found[0]?.text ?? "", number: data.number });
};
