"""Starter set for cosmetics: skin, concerns, kinds of goods, scents, make-up and spending."""

from tagging.starter_set import StarterSet, group

plugin = StarterSet(
    name="cosmetics",
    title="美妆护肤 · cosmetics",
    groups=(
        group(
            "肤质 · skin type",
            "干性皮肤 · dry",
            "油性皮肤 · oily",
            "混合性皮肤 · combination",
            "中性皮肤 · normal",
            exclusive=True,
            colour="#ff99c3",
        ),
        group(
            "底妆色号 · foundation shade",
            "冷白色号 · fair and cool",
            "自然色号 · natural",
            "暖黄色号 · warm",
            "小麦色号 · tanned",
            exclusive=True,
            colour="#d3a27f",
        ),
        group(
            "护肤功效 · what skin care is for",
            "补水保湿 · moisture",
            "美白提亮 · brightening",
            "抗皱紧致 · firming",
            "控油 · oil control",
            "防晒 · sun protection",
            colour="#6dc8ec",
        ),
        group(
            "美妆品类 · kinds of cosmetics",
            "面部护肤 · face care",
            "彩妆 · make-up",
            "香水 · perfume",
            "洗护发 · hair care",
            "身体护理 · body care",
            "男士护理 · men's care",
            "美容仪 · beauty devices",
            colour="#9270ca",
        ),
        group(
            "香调 · scents", "花香调 · floral", "果香调 · fruity", "木质调 · woody", "清新调 · fresh", "东方调 · oriental", colour="#5ad8a6"
        ),
        group(
            "化妆习惯 · make-up habit",
            "每天化妆 · every day",
            "偶尔化妆 · now and then",
            "不化妆 · never",
            exclusive=True,
            colour="#5b8ff9",
        ),
        group(
            "美妆单价 · price of one item",
            "美妆 100 元以下 · under 100 yuan",
            "美妆 100-300 元 · 100 to 300 yuan",
            "美妆 300-800 元 · 300 to 800 yuan",
            "美妆 800 元以上 · over 800 yuan",
            exclusive=True,
            colour="#f6bd16",
        ),
        group(
            "皮肤困扰 · skin complaints",
            "痘痘肌 · acne",
            "敏感肌 · easily irritated",
            "泛红 · redness",
            "色斑 · dark spots",
            "成分过敏 · allergic to an ingredient",
            "孕期护肤 · skin care while pregnant",
            sensitive=True,
            colour="#e8684a",
        ),
    ),
)
