"""What an eye, a thumb and a screen reader would stumble over on a page: faint text, small targets, things without a name, things that stick out."""

from playwright.sync_api import Page

_LOOK = r"""
() => {
  const found = new Set();
  const parts = (said) => { const [r, g, b, a = 1] = said.match(/[\d.]+/g).map(Number); return [r, g, b, a]; };
  const over = (top, below) => [0, 1, 2].map((at) => top[at] * top[3] + below[at] * (1 - top[3]));
  const light = (colour) => { const [r, g, b] = colour.map((each) => (each /= 255) <= .03928 ? each / 12.92 : ((each + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
  // What text stands on; null over a picture or a gradient, whose colour nobody can tell.
  const ground = (each) => {
    const layers = [];
    for (let at = each; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.backgroundImage !== 'none') return null;
      const colour = parts(style.backgroundColor);
      if (colour[3] > 0) layers.push(colour);
      if (colour[3] === 1) break;
    }
    return layers.reduceRight((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const seen = (each) => { const box = each.getBoundingClientRect(); return box.width > 1 && box.height > 1 && getComputedStyle(each).visibility !== 'hidden' && !each.closest('[inert], [hidden]'); };
  const named = (each) => each.getAttribute('aria-label') || each.innerText || each.labels?.[0]?.innerText || each.placeholder;
  for (const each of document.querySelectorAll('body *')) {
    const text = [...each.childNodes].filter((node) => node.nodeType === 3).map((node) => node.textContent.trim()).join('');
    if (!text || !seen(each) || each.closest('noscript, script, [disabled]')) continue;
    const style = getComputedStyle(each);
    const below = ground(each);
    if (!below) continue;
    let opacity = 1;
    for (let at = each; at; at = at.parentElement) opacity *= Number(getComputedStyle(at).opacity);
    const ink = parts(style.color);
    const [dark, bright] = [light(over([...ink.slice(0, 3), ink[3] * opacity], below)), light(below)].sort((a, b) => a - b);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if ((bright + .05) / (dark + .05) < (large ? 3 : 4.5)) found.add(`faint: ${text.slice(0, 30)}`);
  }
  for (const each of document.querySelectorAll('a, button, summary, select, input:not([type=hidden])')) {
    if (!seen(each)) continue;
    if (!(named(each) || '').trim()) found.add(`no name: ${each.outerHTML.slice(0, 80)}`);
    // A link inside a sentence is text; what is drawn smaller may have a larger area of its own around it.
    const wider = ['::before', '::after'].some((part) => { const style = getComputedStyle(each, part); return style.content !== 'none' && style.position === 'absolute' && parseFloat(style.top) < 0; });
    const box = (each.querySelector('.hit') || each).getBoundingClientRect();
    if (!wider && !each.closest('.agree') && (box.height < 43.5 || box.width < 40)) found.add(`small: ${each.outerHTML.slice(0, 80)}`);
  }
  if (document.documentElement.scrollWidth > document.documentElement.clientWidth) found.add(`scrolls sideways at ${innerWidth}`);
  const heads = [...document.querySelectorAll('h1')].filter((each) => each.getClientRects().length && !each.closest('[inert]')).length;
  if (heads !== 1) found.add(`${heads} first headings`);
  return [...found];
}
"""


def faults(page: Page) -> list[str]:
    """Everything found; an empty list is a page one may show. Contrast is WCAG's AA, targets are 44 points high."""
    return list(page.evaluate(_LOOK))
