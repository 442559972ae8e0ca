"""What people do with querysets and models; each use gives plain values to compare."""

from typing import Any

from django.db import IntegrityError, models, transaction
from django.db.models import Count, Exists, F, OuterRef, Prefetch, Q, Subquery, Sum

from tests.integrations.bookshop.models import Profile, Publisher, Tag, Volume, Writer

USES: dict[str, Any] = {}


def use(function):
    """A function of a database's alias."""
    USES[function.__name__] = function
    return function


def fill(using):
    """Two publishers with two writers each, who wrote three volumes together."""
    for name in ("north", "south"):
        publisher = Publisher.objects.using(using).create(name=name)
        writers = [
            Writer.objects.using(using).create(name=f"{name} {n}", publisher=publisher)
            for n in range(2)
        ]
        for writer in writers:
            Profile.objects.using(using).create(writer=writer, text=writer.name)
        for n in range(3):
            volume = Volume.objects.using(using).create(title=f"{name} {n}", publisher=publisher)
            volume.writers.set(writers)
            volume.tags.create(word=f"tag {n}")


def writers(using):
    return Writer.objects.using(using).order_by("pk")


def volumes(using):
    return Volume.objects.using(using).order_by("pk")


@use
def foreign_keys(using):
    return [writer.publisher.name for writer in writers(using)]


@use
def foreign_keys_backwards(using):
    publishers = Publisher.objects.using(using).order_by("pk")
    return [[w.name for w in one.writers.order_by("pk")] for one in publishers]


@use
def one_to_one(using):
    return [one.writer.name for one in Profile.objects.using(using).order_by("pk")]


@use
def one_to_one_backwards(using):
    lonely = Writer.objects.using(using).create(
        name="lonely", publisher=Publisher.objects.using(using).get(name="north")
    )
    return [w.profile.text for w in writers(using)[:4]], hasattr(lonely, "profile")


@use
def many_to_many(using):
    return [[w.name for w in one.writers.order_by("pk")] for one in volumes(using)]


@use
def many_to_many_backwards(using):
    first = writers(using)[0]
    first.volumes.add(*first.volumes.all())
    first.volumes.remove(first.volumes.order_by("pk")[0])
    found = [one.title for one in first.volumes.order_by("pk")]
    first.volumes.clear()
    first.volumes.set(volumes(using)[:2])
    return found, first.volumes.count(), [*first.volumes.through.objects.using(using).values()]


@use
def generic_foreign_keys(using):
    tags = Tag.objects.using(using).order_by("pk")
    return [one.target.title for one in tags], [t.word for t in volumes(using)[0].tags.all()]


@use
def generic_foreign_keys_prefetched(using):
    tags = Tag.objects.using(using).order_by("pk")
    if using == "default":  # another database would not be asked: before 6.0 Django forgets it
        tags = tags.prefetch_related("target")
    return [one.target.title for one in tags]


@use
def select_related(using):
    found = Profile.objects.using(using).select_related("writer__publisher").order_by("pk")
    return [(one.writer.name, one.writer.publisher.name) for one in found]


@use
def select_related_backwards(using):
    return [one.profile.text for one in writers(using).select_related("profile")]


@use
def prefetch_related(using):
    found = volumes(using).prefetch_related("writers__profile", "tags", "publisher__writers")
    return [
        [w.profile.text for w in one.writers.all()] + [t.word for t in one.tags.all()]
        for one in found
    ]


@use
def prefetch_objects(using):
    few = Prefetch("volumes", volumes(using).filter(title__endswith="1"), to_attr="few")
    found = list(writers(using))
    models.prefetch_related_objects(found, few)
    return [[one.title for one in w.few] for w in found]


@use
def deferred_and_only(using):
    deferred, only = volumes(using).defer("title")[0], volumes(using).only("title")[1]
    return deferred.title, only.pages, only.get_deferred_fields(), only.publisher_id


@use
def refreshed(using):
    one = volumes(using)[0]
    Volume.objects.using(using).filter(pk=one.pk).update(pages=F("pages") + 1)
    one.refresh_from_db(fields=["pages"])
    return one.pages


@use
def values(using):
    found = volumes(using)
    return [
        list(found.values("title", "writers__name")),
        list(found.values_list("title", "pages")),
        list(found.values_list("title", flat=True)),
        [tuple(row) for row in found.values_list("title", named=True)],
    ]


@use
def iterated(using):
    found = [one.title for one in volumes(using).iterator(chunk_size=2)]
    left = volumes(using).iterator(chunk_size=2)
    found.append(next(left).title)
    left.close()
    few = volumes(using).prefetch_related("writers").iterator(chunk_size=2)
    return found, [[w.name for w in one.writers.all()] for one in few]


@use
def raw(using):
    statement = "SELECT id, title FROM bookshop_volume WHERE pages < %s ORDER BY id"
    found = Volume.objects.using(using).raw(statement, [1000])
    return [one.title for one in found], found[0].pages, len(found), found.columns


@use
def annotated(using):
    inner = Volume.objects.filter(writers=OuterRef("pk")).order_by("pk")
    found = writers(using).annotate(
        n=Count("volumes"),
        first=Subquery(inner.values("title")[:1]),
        any=Exists(inner),
    )
    return [(one.n, one.first, one.any) for one in found]


@use
def asked_for_little(using):
    found = volumes(using)
    return [
        found.exists(),
        found.count(),
        found.contains(found[0]),
        found.first().title,
        found.last().title,
        found.aggregate(Sum("pages"), n=Count("pk")),
        list(found.in_bulk([found[0].pk])),
        found.none().count(),
        found.filter(Q(pages__lt=F("pages")) | ~Q(title="north 0")).count(),
        found.earliest("pk").pk,
        bool(found),
        len(found),
        found[1:3][0].pk,
        found.order_by().union(Volume.objects.using(using).filter(pages=100)).count(),
        found.explain()[:0],
    ]


@use
def evaluated_once(using):
    found = volumes(using)
    return [len(found), bool(found), next(iter(found)).pk, found[0].pk, found[1:][0].pk]


@use
def written(using):
    publisher = Publisher(name="new")
    publisher.save(using=using)
    publisher.name = "newer"
    publisher.save(update_fields=["name"])
    again = Publisher.objects.using(using).get_or_create(name="newer")
    other = Publisher.objects.using(using).update_or_create(
        name="newer", defaults={"name": "newest"}
    )
    return again[1], other[0].name, publisher.delete()[0]


@use
def written_in_bulk(using):
    found = Publisher.objects.using(using)
    made = found.bulk_create([Publisher(name=f"bulk {n}") for n in range(5)], batch_size=2)
    for one in made:
        one.name += "!"
    return [
        len(made),
        found.bulk_update(made, ["name"], batch_size=2),
        found.bulk_create([Publisher(name="bulk 0!")], ignore_conflicts=True)[0].name,
        found.filter(name__startswith="bulk").update(name=F("name")),
        found.filter(name__startswith="bulk").delete(),
        found.filter(name="north").delete(),
    ]


@use
def savepoints(using):
    found = []
    for name in ("north", "east"):
        try:
            with transaction.atomic(using=using):
                Publisher.objects.using(using).create(name=name)
        except IntegrityError:
            found.append(name)
    create = getattr(transaction, "savepoint_create", None) or transaction.savepoint  # before 6.1
    point = create(using=using)
    Publisher.objects.using(using).create(name="west")
    transaction.savepoint_rollback(point, using=using)
    point = create(using=using)
    transaction.savepoint_commit(point, using=using)
    return found, list(Publisher.objects.using(using).order_by("pk").values_list("name"))


LATER: dict[str, Any] = {}


def later(function):
    """A function that is awaited."""
    LATER[function.__name__] = function
    return function


@later
async def one_by_one(using):
    return [one.title async for one in volumes(using)]


@later
async def in_chunks(using):
    found = volumes(using).prefetch_related("writers").aiterator(chunk_size=2)
    return [[w.name for w in one.writers.all()] async for one in found]


@later
async def left_early(using):
    found = volumes(using).aiterator(chunk_size=2)
    first = await anext(found)
    await found.aclose()
    return first.title


@later
async def asked_for_little_later(using):
    found = volumes(using)
    return [
        await found.acount(),
        await found.aexists(),
        (await found.aget(pk=(await found.afirst()).pk)).title,
        await found.aaggregate(n=Count("pk")),
        [one async for one in found.values_list("title", flat=True)],
        len(await found.ain_bulk()),
    ]


@later
async def written_later(using):
    publisher = await Publisher.objects.using(using).acreate(name="later")
    publisher.name = "even later"
    await publisher.asave()
    writer = await writers(using).afirst()
    await writer.volumes.aadd(await volumes(using).alast())
    await publisher.arefresh_from_db()
    return publisher.name, (await publisher.adelete())[0]
