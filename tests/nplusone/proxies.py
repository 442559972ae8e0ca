"""Models of the bookshop with methods and properties that ask the database."""

from tests.integrations.bookshop.models import Publisher, Volume


class Titled(Volume):
    class Meta:
        app_label = "bookshop"
        proxy = True

    @property
    def house_name(self):
        return Publisher.objects.get(pk=self.publisher_id).name  # Q


class Chained(Volume):
    """A volume that is followed by another one."""

    class Meta:
        app_label = "bookshop"
        proxy = True

    def next(self):
        return Chained.objects.filter(pk__gt=self.pk).order_by("pk").first()


class Named(Volume):
    class Meta:
        app_label = "bookshop"
        proxy = True

    def __str__(self):
        return f"{self.title} ({self.publisher.name})"  # Q

    @property
    def house(self):
        return self.publisher.name  # Q2
