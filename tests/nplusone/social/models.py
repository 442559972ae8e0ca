"""People, what they write and how they know each other: every relation that Django has."""

# ruff: noqa: DJ008 - nobody reads them in an admin

from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import models


class City(models.Model):
    name = models.CharField(max_length=20)


class User(models.Model):
    name = models.CharField(max_length=20, unique=True)
    bio = models.TextField(default="")
    following = models.ManyToManyField("self", symmetrical=False, related_name="followers")
    friends = models.ManyToManyField("self")
    blocked = models.ManyToManyField("social.User")
    tags = GenericRelation("social.Tag")


class Profile(models.Model):
    user = models.OneToOneField(User, models.CASCADE)
    city = models.ForeignKey(City, models.CASCADE)


class Post(models.Model):
    title = models.CharField(max_length=20)
    text = models.TextField(default="")
    score = models.IntegerField(default=0)
    author = models.ForeignKey(User, models.CASCADE, related_name="posts")
    editor = models.ForeignKey(User, models.CASCADE, null=True, related_name="edited")
    tags = GenericRelation("social.Tag")


class Article(Post):
    """A post of its own table."""

    source = models.ForeignKey(City, models.CASCADE)


class Draft(Post):
    """A post of the same table."""

    class Meta:
        proxy = True


class Club(models.Model):
    name = models.CharField(max_length=20)
    members = models.ManyToManyField(User, through="social.Membership", related_name="clubs")


class Membership(models.Model):
    """What stands between users and clubs, with a relation to either."""

    user = models.ForeignKey(User, models.CASCADE)
    club = models.ForeignKey(Club, models.CASCADE)


class Comment(models.Model):
    post = models.ForeignKey(Post, models.CASCADE)
    text = models.CharField(max_length=20)


class Tag(models.Model):
    word = models.CharField(max_length=20)
    content_type = models.ForeignKey(ContentType, models.CASCADE, null=True, related_name="+")
    object_id = models.PositiveIntegerField(null=True)
    target = GenericForeignKey()


class Curious(models.Model):
    """Which asks the database when it is compared, and cannot be hashed."""

    name = models.CharField(max_length=20)
    other = models.ForeignKey("self", models.CASCADE, null=True)

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other):
        return isinstance(other, Curious) and self.other == other.other

    def __repr__(self):
        raise AssertionError
