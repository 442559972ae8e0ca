"""Models with every kind of relation that Django has."""

# ruff: noqa: DJ008 - nobody reads them in an admin

from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import models


class Tag(models.Model):
    word = models.CharField(max_length=20)
    kind = models.ForeignKey(ContentType, models.CASCADE)
    number = models.PositiveIntegerField()
    target = GenericForeignKey("kind", "number")


class Publisher(models.Model):
    name = models.CharField(max_length=20, unique=True)


class Writer(models.Model):
    name = models.CharField(max_length=20)
    publisher = models.ForeignKey(Publisher, models.CASCADE, related_name="writers")


class Profile(models.Model):
    writer = models.OneToOneField(Writer, models.CASCADE)
    text = models.TextField(default="")


class Volume(models.Model):
    title = models.CharField(max_length=20)
    pages = models.IntegerField(default=100)
    writers = models.ManyToManyField(Writer, related_name="volumes")
    publisher = models.ForeignKey(Publisher, models.SET_NULL, null=True)
    tags = GenericRelation(Tag, content_type_field="kind", object_id_field="number")
