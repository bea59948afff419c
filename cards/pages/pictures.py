"""Pictures of pages: bounded before a pixel is unpacked, encoded anew by us, and kept under the digest of what we made."""

import hashlib
from datetime import datetime
from io import BytesIO

from PIL import Image, ImageOps, UnidentifiedImageError
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.bulk import table_of
from app.core.errors import BadRequestError
from cards.models.pages import PagePicture

MOST_BYTES = 2 * 1024 * 1024
MOST_PIXELS = 20_000_000
WIDEST, TALLEST = 1242, 4000
"""Pixels: three for each point of a wide phone."""
_TYPES = {"image/jpeg": "jpg", "image/png": "png"}


def keep_picture(session: Session, content: bytes, *, actor: str, now: datetime) -> PagePicture:
    """Keep a picture as we encode it: JPEG, or PNG where it is transparent, without anything the camera wrote. The same one again is the same row.

    Raises BadRequestError for what is too large or no JPEG, PNG or WebP.
    """
    made, media_type = _encode(_open(content))
    out = BytesIO()
    made.save(out, "PNG", optimize=True) if media_type == "image/png" else made.save(
        out, "JPEG", quality=84, optimize=True, progressive=True
    )
    digest = hashlib.sha256(out.getvalue()).hexdigest()
    row = {
        "digest": digest,
        "media_type": media_type,
        "width": made.width,
        "height": made.height,
        "content": out.getvalue(),
        "actor": actor[:64],
        "created_at": now,
    }
    table = table_of(PagePicture)
    fresh = session.scalar(pg_insert(table).values(row).on_conflict_do_nothing(index_elements=["digest"]).returning(table.c.id))
    if fresh is not None:
        detail = {"bytes": len(out.getvalue()), "width": made.width, "height": made.height}
        note(session, at=now, actor=actor, action="page_picture.kept", object_type="page_picture", object_id=digest, detail=detail)
    return session.scalars(select(PagePicture).where(PagePicture.digest == digest)).one()


def find_picture(session: Session, digest: str) -> PagePicture | None:
    """A picture by its digest."""
    return session.scalar(select(PagePicture).where(PagePicture.digest == digest))


def picture_url(digest: str, media_type: str) -> str:
    """Where a picture is served: the address changes with its content, so it is kept for good."""
    return f"/p/picture/{digest}.{_TYPES[media_type]}"


def _open(content: bytes) -> Image.Image:
    if len(content) > MOST_BYTES:
        raise BadRequestError("图片不能超过 2 MiB / a picture has at most 2 MiB", code="picture_too_big", status=413)
    try:
        picture = Image.open(BytesIO(content), formats=("PNG", "JPEG", "WEBP"))
        if picture.width * picture.height > MOST_PIXELS:
            raise BadRequestError("图片不能超过 2000 万像素 / a picture has at most 20 million pixels", code="picture_too_big", status=413)
        picture.load()
        return ImageOps.exif_transpose(picture)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadRequestError(
            "图片不能超过 2000 万像素 / a picture has at most 20 million pixels", code="picture_too_big", status=413
        ) from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, TypeError, KeyError) as error:
        raise BadRequestError("图片应为 PNG、JPEG 或 WebP / the picture is no PNG, JPEG or WebP", code="bad_picture", status=422) from error


def _encode(picture: Image.Image) -> tuple[Image.Image, str]:
    """The pixels alone on a new canvas, no larger than a phone shows."""
    clear = picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info
    made = picture.convert("RGBA" if clear else "RGB")
    made.thumbnail((WIDEST, TALLEST))
    canvas = Image.new(made.mode, made.size)
    canvas.paste(made)
    return canvas, "image/png" if clear else "image/jpeg"
