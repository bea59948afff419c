// Members: found by what they show or say, seen masked; their coupons, and a card opened on the spot.
import { Refused, Unreached, call } from "./api.js";
import { $, el, field, fill, icon, newId } from "./dom.js";
import * as sale from "./sale.js";
import * as scan from "./scan.js";
import { feel } from "./senses.js";
import { count, date, money, t, tierName, told } from "./words.js";

let frame;
export const settle = (given) => { frame = given; };
const both = (said) => (said ? told({ detail: said.zh, detail_en: said.en }) : "");

export function open(found) {
  const view = $("view-member");
  const place = el("div", { id: "member-found", "aria-live": "polite" }, el("p", { cls: "box blank muted" }, icon("member"), t("member_blank")));
  fill(view, el("h1", { text: t("member_title") }), el("p", { cls: "lead", text: t("member_lead") }), finder(place), el("div", { cls: "split" }, place, opener(place)));
  if (found?.kind === "member") show(place, found);
  else view.querySelector("input")?.focus({ preventScroll: true });
}

export const code = (text) => find($("member-found"), text);

function finder(place) {
  const key = el("input", { cls: "weui-input", name: "key", placeholder: t("member_key"), "aria-label": t("member_key"), maxlength: 200, autocomplete: "off", spellcheck: "false", enterkeyhint: "search" });
  return el("form", { cls: "type", style: null, on: { submit: (event) => { event.preventDefault(); const said = key.value.trim(); key.value = ""; if (said) find(place, said); } } }, key, el("button", { cls: "btn btn-main", text: t("find") }));
}

async function find(place, key) {
  fill(place, el("div", { cls: "box" }, el("div", { cls: "skeleton" }), el("div", { cls: "skeleton" })));
  try {
    show(place, await call("member", { body: { key } }));
    feel("done");
  } catch (error) {
    fail(place, error);
  }
}

function fail(place, error) {
  if (!(error instanceof Refused) && !(error instanceof Unreached)) throw error;
  if (frame.gone(error)) return;
  const said = error instanceof Refused ? [both(error.body.why) || told(error.body), both(error.body.next)].filter(Boolean).join("。") : t("error_net");
  fill(place, el("p", { cls: "note bad", role: "alert", text: said }));
  feel("no");
}

function show(place, found) {
  fill(place, 
    el("div", { cls: "face", "data-face": found.face },
      el("b", { text: [found.name || t("member"), tierName(found.tier)].filter(Boolean).join(" · ") }), el("small", { text: [found.phone, found.number].filter(Boolean).join(" · ") }),
      el("div", { cls: "holds" }, held(count(found.points), "member_points"), found.pending ? held(count(found.pending), "member_pending") : null,
        found.value_fen ? held(money(found.value_fen), "member_value") : null, found.discount_percent ? held(`− ${found.discount_percent}%`, "member_off") : null)),
    found.ticket && frame.right("book") ? el("div", { cls: "stack" }, el("button", { type: "button", cls: "btn btn-main", id: "checkout", text: t("sale_open"), on: { click: () => sale.open(found) } })) : null,
    frame.right("book") ? el("div", { cls: "stack" }, el("button", { type: "button", cls: "btn btn-soft", text: t("member_book", { who: found.name || found.phone || t("member") }), on: { click: () => frame.go("book", found) } })) : null,
    el("div", { cls: "box" }, el("h2", { text: t("member_coupons") }),
      found.coupons.length && !found.ticket ? el("p", { cls: "muted small", text: t("member_show_code") }) : null,
      found.coupons.length ? el("ul", {}, found.coupons.map((each) => coupon(each, found.ticket))) : el("p", { cls: "muted", text: t("member_no_coupons") })));
}

const held = (figure, word) => el("div", {}, el("strong", { text: figure }), el("small", { text: t(word) }));

function coupon(each, ticket) {
  const use = ticket ? el("button", { type: "button", cls: "act undo", text: t("member_use"), on: { click: () => { frame.go("scan"); scan.choose(ticket, each.id); } } }) : null;
  return el("li", { cls: "row" }, el("span", { cls: "dot plain" }, icon("ticket")), el("div", {}, el("b", { text: each.name }), el("small", { text: [both(each.worth), t("expires_on", { date: date(each.expires_at) })].filter(Boolean).join(" · ") })), use);
}

function opener(place) {
  if (!frame.right("open_card")) return null;
  const phone = field(t("open_phone"), { name: "phone", inputmode: "tel", maxlength: 13 });
  const go = el("button", { cls: "btn btn-main", text: t("open_go") });
  let key = newId();
  return el("form", {
    cls: "box", id: "opener", novalidate: true,
    on: {
      submit: async (event) => {
        event.preventDefault();
        go.disabled = true;
        try {
          const made = await call("cards", { key, body: { phone: phone.input.value.replace(/[\s-]/g, "") } });
          show(place, made.member);
          const said = made.fresh ? t("open_done") : t("open_known");
          place.prepend(el("p", { cls: made.fresh ? "note good" : "note mild", role: "status", text: [said, `${t("card_number")} ${made.member.number}`, made.gift_points ? `${t("gift")} +${count(made.gift_points)}` : ""].filter(Boolean).join(" · ") }));
          phone.input.value = "";
          feel(made.fresh ? "done" : "used");
          key = newId();
          window.scrollTo({ top: 0 });
        } catch (error) {
          if (error instanceof Refused) key = newId();
          fail(place, error);
          window.scrollTo({ top: 0 });
        }
        go.disabled = false;
      },
    },
  }, el("h2", { text: t("open_title") }), el("p", { cls: "muted small", text: t("open_lead") }), phone.box, el("div", { cls: "stack" }, go));
}
