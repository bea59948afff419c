"""What the demo's shop is: accounts, channels, menu, keywords, tags, rules, segment and broadcast, as data."""

from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the shop; `group` is its Open Platform, where people have one unionid."""

    appid: str
    name: str
    kind: str
    mode: str
    retention: str = "erase"
    format: str = "xml"
    group: str = "shop"


@dataclass(frozen=True, slots=True)
class Keyword:
    """A reply rule and what people write to meet it."""

    pattern: str
    answer: str
    says: tuple[str, ...]
    match: str = "exact"
    records: str | None = None


@dataclass(frozen=True, slots=True)
class Channel:
    """A code in a store; `days` for a temporary one."""

    name: str
    account: Account
    tags: tuple[str, ...] = ()
    days: int | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A tag rule."""

    tag: str
    kind: str
    params: dict[str, Any] = field(default_factory=dict)
    account: Account | None = None
    expires_after_s: int | None = None


SAFE: Final = Account("wxfanka0flagship1", "粉卡旗舰店", "service", "safe", retention="erase")
PLAIN: Final = Account("wxfanka0livingroom", "粉卡生活馆", "service", "plain", retention="keep")
MINI: Final = Account("wxfanka0miniprogram", "粉卡小程序", "mini", "compatible", format="json")
ACCOUNTS: Final = (SAFE, PLAIN, MINI)
SERVICES: Final = (SAFE, PLAIN)

CONSENT_KEY: Final = "JOIN"
CONSENT_WORD: Final = "同意"
CONSENT_VERSION: Final = "2026-11"
MENU_KEYS: Final = ("NEW", "SALE", "MEMBER", "STORE", CONSENT_KEY)
MENU_URL: Final = "https://shop.example.com/new"
MINI_PATH: Final = "pages/index/index"
CARD_ID: Final = "pFankaDemoMemberCard0000000000001"
CARD_BUTTON: Final = "我的会员卡"


def buttons(card_url: str) -> list[dict[str, Any]]:
    """The menu of an account whose members find their card at `card_url`."""
    return [
        {
            "name": "新品",
            "sub_button": [{"type": "click", "name": "本周新品", "key": "NEW"}, {"type": "view", "name": "商城", "url": MENU_URL}],
        },
        {"name": "优惠", "type": "click", "key": "SALE"},
        {
            "name": "我的",
            "sub_button": [
                {"type": "view", "name": CARD_BUTTON, "url": card_url},
                {"type": "click", "name": "会员权益", "key": "MEMBER"},
                {"type": "click", "name": "附近门店", "key": "STORE"},
                {"type": "click", "name": "合并我的账号", "key": CONSENT_KEY},
            ],
        },
    ]


MENU_ANSWERS: Final = {
    "NEW": "本周新品: 桂花拿铁, 栗子可颂。",
    "SALE": "今日优惠: 下午茶第二份半价。",
    "MEMBER": "您的会员卡在这里。",
    "STORE": "最近的门店: 静安店, 步行 6 分钟。",
}

KEYWORDS: Final = (
    Keyword("咖啡", "今天的豆子来自云南。", ("咖啡", " 咖啡 ")),
    Keyword("茶", "明前龙井已到。", ("茶",)),
    Keyword("面包", "面包每天十点出炉。", ("面包",)),
    Keyword("VIP", "VIP 专线已为您接通。", ("VIP", "vip", "ＶＩＰ")),
    Keyword("生日", "生日当月双倍积分。", ("生日",)),
    Keyword("积分", "您的积分可在会员卡查看。", ("积分",)),
    Keyword("礼品卡", "礼品卡 100 元起。", ("礼品卡",)),
    Keyword("会员", "欢迎入会。", ("会员",)),
    Keyword("新品", "请看菜单里的本周新品。", ("新品",)),
    Keyword("优惠", "优惠每天更新。", ("优惠",)),
    Keyword("客服", "客服马上就来。", ("客服",)),
    Keyword("预订", "请告诉我们人数和时间。", ("预订",)),
    Keyword(CONSENT_WORD, "已记录您的同意。", (CONSENT_WORD,), records="consent.granted"),
    Keyword("停车", "地下一层可停车两小时。", ("请问停车方便吗", "停车"), match="contains"),
    Keyword("营业", "营业时间 8:00 至 22:00。", ("几点营业?", "周末营业吗"), match="contains"),
    Keyword("发票", "发票可在小程序开具。", ("可以开发票吗",), match="contains"),
    Keyword("退货", "七天内可退。", ("我想退货", "退货怎么办"), match="contains"),
    Keyword("宠物", "露台欢迎宠物。", ("能带宠物进店吗",), match="contains"),
    Keyword("宝宝", "店里有宝宝椅。", ("有宝宝椅吗",), match="contains"),
    Keyword("^(买|订).{0,8}蛋糕$", "蛋糕请提前一天预订。", ("买蛋糕", "订一个生日用的蛋糕"), match="regex"),
)
CHATTER: Final = ("在吗", "谢谢", "好的 👌", "下次再来", "你们的店真好看 ]]>", "hello")

TAGS: Final[tuple[tuple[str, str | None, bool], ...]] = (
    ("爱咖啡", "口味", True),
    ("爱茶", "口味", True),
    ("爱烘焙", None, False),
    ("看新品", None, False),
    ("看优惠", None, False),
    ("会员意向", None, False),
    ("到店", None, False),
    ("上海", "城市", False),
    ("杭州", "城市", False),
    ("用小程序", None, False),
    ("领过卡", None, False),
    ("养宠物", None, False),
    ("找客服", None, False),
    ("活跃", None, False),
    ("爱发图", None, False),
)
RULES: Final = (
    Rule("爱咖啡", "keyword", {"keywords": ["咖啡"]}),
    Rule("爱茶", "keyword", {"keywords": ["茶"]}),
    Rule("爱烘焙", "keyword", {"keywords": ["面包", "^(买|订).{0,8}蛋糕$"]}),
    Rule("看新品", "menu_key", {"keys": ["NEW"]}),
    Rule("看优惠", "menu_key", {"keys": ["SALE"]}),
    Rule("看优惠", "keyword", {"keywords": ["优惠"]}, account=PLAIN),
    Rule("会员意向", "menu_key", {"keys": ["MEMBER"]}),
    Rule("会员意向", "keyword", {"keywords": ["会员", "积分"]}),
    Rule("到店", "channel", {"follow_only": False}),
    Rule("用小程序", "event", {"kind": "mini.entered"}),
    Rule("领过卡", "card", {"deeds": ["claimed"]}),
    Rule("养宠物", "keyword", {"keywords": ["宠物"]}, expires_after_s=7 * 86_400),
    Rule("找客服", "keyword", {"keywords": ["客服"]}),
    Rule("活跃", "count_in_window", {"kind": "menu.clicked", "at_least": 3, "within_s": 3600}),
    Rule("爱发图", "event", {"kind": "message.received", "match": {"type": "image"}}),
)
CHANNELS: Final = (
    Channel("静安店", SAFE, ("上海",)),
    Channel("徐汇店", SAFE, ("上海",)),
    Channel("浦东店", SAFE, ("上海",)),
    Channel("西湖店", SAFE, ("杭州",)),
    Channel("杯套", SAFE),
    Channel("收银台", SAFE, days=30),
    Channel("生活馆 一楼", PLAIN, ("上海",)),
    Channel("生活馆 二楼", PLAIN, ("上海",)),
    Channel("滨江店", PLAIN, ("杭州",)),
    Channel("市集摊位", PLAIN, days=7),
)
WELCOME: Final = "欢迎来到{channel}!"
GREETING: Final = "欢迎关注{account}! 回复 同意 可合并您在我们各账号的资料。"
DEFAULT: Final = "您好, 请回复 客服 或点菜单。"

SEGMENT_NAME: Final = "常来的客人"
SEGMENT: Final[dict[str, Any]] = {
    "all": [
        {
            "any": [
                {"kind": "tag", "tag": "到店"},
                {"kind": "tag", "tag": "看新品"},
                {"kind": "event_count", "fact": "menu.clicked", "at_least": 2},
            ]
        },
        {"any": [{"kind": "follows_account", "account": account.appid} for account in SERVICES]},
        {"not": {"kind": "tag", "tag": "找客服"}},
    ]
}
TEMPLATES: Final = {
    SAFE.appid: (
        "会员活动通知",
        "活动: {{thing1.DATA}}\n时间: {{time2.DATA}}\n门店: {{thing3.DATA}}",
        {"thing1": "what", "time2": "when", "thing3": "where"},
    ),
    PLAIN.appid: (
        "到店提醒",
        "事项: {{thing5.DATA}}\n地点: {{thing2.DATA}}\n日期: {{date1.DATA}}",
        {"thing5": "what", "thing2": "where", "date1": "when"},
    ),
}
CONTENT: Final = {"what": "会员日门店服务安排", "when": "2026-11-28 10:00", "where": "各门店"}
