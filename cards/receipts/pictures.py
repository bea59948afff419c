"""Pictures from strangers: bounded before they are decoded, drawn anew as a small JPEG, kept sealed, and gone when nobody needs them."""

import io
from datetime import datetime, timedelta

from PIL import Image, ImageOps
from sqlalchemy import Engine, delete, select
from sqlalchemy.orm import Session

from app.core.bulk import table_of
from app.core.errors import BadRequestError
from app.core.ids import new_public_id
from app.core.secrets import KeyRing
from app.core.unit import work
from cards.models.receipts import Receipt, ReceiptPicture, ReceiptState

MOST_BYTES = 5 * 1024 * 1024
"""What a phone may send; its page makes a larger picture smaller first."""
LONGEST_SIDE = 1600
"""Pixels of the longer side as it is kept: small print of a receipt can still be read."""
KEPT_AFTER_VERDICT = timedelta(days=30)
"""A customer may ask why for as long as a return usually takes; after that a picture of his shopping is of no use to anybody."""
_MOST_PIXELS = {"JPEG": 25_000_000, "PNG": 12_000_000, "WEBP": 12_000_000}
"""JPEG is read at a fraction of its size, so a phone's largest picture costs little memory; the others are read whole."""
_QUALITY = 80
_BATCH = 500
_TABLE, _COLUMN = "receipt_picture", "picture_sealed"


def draw_anew(sent: bytes) -> bytes:
    """A JPEG of ours from whatever a phone sent: upright, at most 1600 pixels a side, and without anything written beside the picture.

    Raises BadRequestError (413, 415, 422) for too many bytes, for no picture, and for too many pixels.
    """
    if len(sent) > MOST_BYTES:
        raise BadRequestError(
            "照片超过 5 MB，请重拍或压缩 / the photo is over 5 MB; take a smaller one", code="picture_too_large", status=413
        )
    try:
        with Image.open(io.BytesIO(sent), formats=list(_MOST_PIXELS)) as picture:
            return _draw(picture)
    except BadRequestError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels() from error
    except Exception as error:
        # A decoder fails on hostile bytes with whatever it likes: each way it is no picture.
        raise BadRequestError(
            "无法识别这张照片，请用 JPG、PNG 或 WebP 重拍上传 / this is no photo we can read; send a JPEG, PNG or WebP",
            code="no_picture",
            status=415,
        ) from error


def _draw(picture: Image.Image) -> bytes:
    width, height = picture.size
    if width * height > _MOST_PIXELS[picture.format or ""]:
        raise _too_many_pixels()
    picture.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
    upright = ImageOps.exif_transpose(picture).convert("RGB")
    upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    # A sheet of our own carries the pixels and nothing else: no place, no camera, no comment.
    clean = Image.new("RGB", upright.size)
    clean.paste(upright)
    out = io.BytesIO()
    clean.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()


def _too_many_pixels() -> BadRequestError:
    return BadRequestError("照片像素过大，请重拍 / the photo has too many pixels; take another", code="picture_too_large", status=422)


def keep_picture(session: Session, ring: KeyRing, receipt: Receipt, picture: bytes) -> None:
    """Seal a picture beside its receipt."""
    row = new_public_id()
    sealed = ring.seal_bytes(picture, table=_TABLE, column=_COLUMN, row=row)
    session.add(ReceiptPicture(receipt_id=receipt.id, public_id=row, picture_sealed=sealed))
    session.flush()


def read_picture(session: Session, ring: KeyRing, receipt: Receipt) -> bytes | None:
    """The JPEG of a receipt; None once it is gone."""
    row = session.get(ReceiptPicture, receipt.id)
    return None if row is None else ring.open_bytes(row.picture_sealed, table=_TABLE, column=_COLUMN, row=row.public_id)


def drop_picture(session: Session, receipt_id: int) -> None:
    """Delete the picture of one receipt."""
    session.execute(delete(table_of(ReceiptPicture)).where(table_of(ReceiptPicture).c.receipt_id == receipt_id))


def drop_old_pictures(engine: Engine, *, now: datetime, batch: int = _BATCH) -> int:
    """Delete the pictures of receipts decided long enough ago, batch by batch; says how many. It may run twice and be killed anywhere."""
    total, pictures = 0, table_of(ReceiptPicture)
    over = (
        select(Receipt.id)
        .join(ReceiptPicture, ReceiptPicture.receipt_id == Receipt.id)
        .where(Receipt.state != ReceiptState.WAITING, Receipt.decided_at <= now - KEPT_AFTER_VERDICT)
        .order_by(Receipt.id)
        .limit(batch)
    )
    while True:
        with work(engine) as session:
            gone = session.execute(delete(pictures).where(pictures.c.receipt_id.in_(over)))
            done = int(gone.rowcount)  # type: ignore[attr-defined]  # a DELETE answers with a cursor result.
        total += done
        if done < batch:
            return total
