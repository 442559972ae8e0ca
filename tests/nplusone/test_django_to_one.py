"""Django: a row's foreign key, one-to-one or generic key, followed for each row of a loop."""

import pytest
from django.db.models import Prefetch, prefetch_related_objects
from django.db.models.signals import post_init

from tests.nplusone.django_rows import judged, rows, says, tables  # noqa: F401
from tests.nplusone.judging import marked, place, same_code
from tests.nplusone.social.models import (
    Article,
    City,
    Comment,
    Curious,
    Draft,
    Post,
    Profile,
    Tag,
    User,
)

pytestmark = pytest.mark.usefixtures("rows")


def test_a_foreign_key():
    def run():
        for post in Post.objects.all():  # L W Q2
            str(post.author.name)  # Q

    def fixed():
        for post in Post.objects.select_related("author"):
            str(post.author.name)

    finding = says(run, "Post.author", 8, 'select_related("author")', fixed=fixed)
    assert finding.elements == 8
    assert finding.operation == "read"


def test_a_foreign_key_of_rows_that_are_iterated_in_chunks():
    def run():
        for post in Post.objects.all().iterator(chunk_size=2):  # L W
            str(post.author.name)  # Q

    def fixed():
        for post in Post.objects.select_related("author").iterator(chunk_size=2):
            str(post.author.name)

    says(run, "Post.author", 8, 'select_related("author")', fixed=fixed)


def test_two_parents_are_enough():
    def run():
        for post in Post.objects.order_by("pk")[:2]:  # L W
            str(post.author.name)  # Q

    says(run, "Post.author", 2, 'select_related("author")')


def test_rows_that_share_their_parent():
    user = User.objects.get(name="user 0")

    def run():
        for post in Post.objects.filter(author=user):  # L W
            str(post.author.name)  # Q

    says(run, "Post.author", 2, 'select_related("author")')


def test_one_to_one_forwards():
    def run():
        for profile in Profile.objects.all():  # L W
            str(profile.user.name)  # Q

    def fixed():
        for profile in Profile.objects.select_related("user"):
            str(profile.user.name)

    says(run, "Profile.user", 4, 'select_related("user")', fixed=fixed)


def test_one_to_one_backwards():
    def run():
        for user in User.objects.all():  # L W
            str(user.profile.city_id)  # Q

    def fixed():
        for user in User.objects.select_related("profile"):
            str(user.profile.city_id)

    says(run, "User.profile", 4, 'select_related("profile")', fixed=fixed)


def test_one_to_one_backwards_to_nothing():
    Profile.objects.all().delete()

    def run():
        for user in User.objects.all():  # L W
            hasattr(user, "profile")  # Q

    def fixed():
        for user in User.objects.select_related("profile"):
            hasattr(user, "profile")

    says(run, "User.profile", 4, 'select_related("profile")', fixed=fixed)


def test_a_generic_foreign_key():
    def run():
        for tag in Tag.objects.filter(word="new"):  # L W
            str(tag.target.title)  # Q

    def fixed():
        for tag in Tag.objects.filter(word="new").prefetch_related("target"):
            str(tag.target.title)

    says(run, "Tag.target", 8, 'prefetch_related("target")', fixed=fixed)


def test_a_generic_foreign_key_to_rows_of_several_models():
    kept = [*Tag.objects.filter(word="new")[:1], *Tag.objects.exclude(word="new")[:1]]
    Tag.objects.exclude(pk__in=[one.pk for one in kept]).delete()

    def run():
        for tag in Tag.objects.all():  # L W
            str(tag.target.pk)  # Q

    def fixed():
        for tag in Tag.objects.prefetch_related("target"):
            str(tag.target.pk)

    says(run, "Tag.target", 2, 'prefetch_related("target")', fixed=fixed)


def test_a_generic_foreign_key_that_is_null_is_silent():
    for _ in range(4):
        Tag.objects.create(word="none")

    def run():
        for tag in Tag.objects.filter(word="none"):
            str(tag.target)

    assert judged(run) == []


def test_a_foreign_key_that_is_null_is_silent():
    Post.objects.update(editor=None)

    def run():
        for post in Post.objects.all():
            str(post.editor)

    assert judged(run) == []


def test_a_chain_is_one_path():
    def run():
        for post in Post.objects.all():  # L W
            str(post.author.profile.city.name)  # Q

    def fixed():
        for post in Post.objects.select_related("author__profile__city"):
            str(post.author.profile.city.name)

    found = judged(run)
    marks = marked(run)
    fixes = {one.relation: one.fix for one in found}
    assert {place(one.loop) for one in found} == {marks["L"]}
    assert {place(one.query) for one in found} == {marks["Q"]}
    assert {place(one.where) for one in found} == {marks["W"]}
    assert same_code(fixes["Post.author"], 'select_related("author")')
    assert same_code(fixes["User.profile"], 'select_related("author__profile")')
    assert same_code(fixes["Profile.city"], 'select_related("author__profile__city")')
    assert judged(fixed) == []


def test_what_is_joined_already_is_part_of_the_path():
    def run():
        for post in Post.objects.select_related("author"):  # L W
            str(post.author.profile)  # Q

    says(run, "User.profile", 8, 'select_related("author__profile")')


def test_of_two_joined_relations_to_one_model_the_one_that_is_read():
    def run():
        for post in Post.objects.select_related("author", "editor"):  # L W
            str(post.editor.profile)  # Q

    def fixed():
        for post in Post.objects.select_related("author", "editor__profile"):
            str(post.editor.profile)

    says(run, "User.profile", 8, 'select_related("editor__profile")', fixed=fixed)


def test_what_is_prefetched_already_is_part_of_the_path():
    def run():
        for user in User.objects.prefetch_related("posts"):  # W
            for post in user.posts.all():  # L
                str(post.editor.name)  # Q

    def fixed():
        for user in User.objects.prefetch_related("posts__editor"):
            for post in user.posts.all():
                str(post.editor.name)

    says(run, "Post.editor", 8, 'prefetch_related("posts__editor")', fixed=fixed)


def test_a_row_of_the_same_model_that_was_loaded_before_is_not_the_way():
    def run():
        me = User.objects.get(name="user 0")
        for post in Post.objects.select_related("author").exclude(author=me):  # L W
            str(post.author.profile)  # Q

    says(run, "User.profile", 6, 'select_related("author__profile")')


def test_two_keys_into_one_table_are_two():
    def run():
        for post in Post.objects.all():  # L W
            for name in ("author", "editor"):
                getattr(post, name)  # Q

    found = judged(run)
    assert sorted((one.relation, one.count) for one in found) == [
        ("Post.author", 8),
        ("Post.editor", 8),
    ]


def test_two_keys_on_one_line_are_two():
    def run():
        for post in Post.objects.all():  # L
            str((post.author.name, post.editor.name))  # Q

    found = judged(run)
    assert sorted((one.relation, one.count) for one in found) == [
        ("Post.author", 8),
        ("Post.editor", 8),
    ]
    assert {place(one.query) for one in found} == {marked(run)["Q"]}


def test_a_key_that_an_inherited_model_has():
    city = City.objects.get(name="city 0")
    for user in User.objects.all():
        Article.objects.create(title="article", author=user, source=city)

    def run():
        for article in Article.objects.all():  # L W
            str(article.author.name)  # Q

    def fixed():
        for article in Article.objects.select_related("author"):
            str(article.author.name)

    says(run, "Article.author", 4, 'select_related("author")', fixed=fixed)


def test_the_row_of_the_model_inherited_from():
    city = City.objects.get(name="city 0")
    for user in User.objects.all():
        Article.objects.create(title="article", author=user, source=city)

    def run():
        for post in Post.objects.filter(title="article"):  # L W
            str(post.article.source_id)  # Q

    def fixed():
        for post in Post.objects.filter(title="article").select_related("article"):
            str(post.article.source_id)

    says(run, "Post.article", 4, 'select_related("article")', fixed=fixed)


def test_a_key_of_a_proxy_model():
    def run():
        for draft in Draft.objects.all():  # L W
            str(draft.author.name)  # Q

    says(run, "Draft.author", 8, 'select_related("author")')


def test_rows_of_a_raw_statement():
    def run():
        for post in Post.objects.raw("SELECT * FROM social_post"):  # L W
            str(post.author.name)  # Q

    def fixed():
        for post in Post.objects.raw("SELECT * FROM social_post").prefetch_related("author"):
            str(post.author.name)

    says(run, "Post.author", 8, 'prefetch_related("author")', fixed=fixed)


def test_prefetching_a_key_is_silent():
    def run():
        for post in Post.objects.prefetch_related("author", "author__profile"):
            str(post.author.profile)

    assert judged(run) == []


def test_two_rows_that_were_loaded_one_by_one_are_silent():
    def run():
        one = Post.objects.filter(title="post 0.0").first()
        two = Post.objects.filter(title="post 1.0")[0]
        str(one.author.name)
        str(two.author.name)

    assert judged(run) == []


def test_one_row_that_is_read_again_is_silent():
    def run():
        for _ in range(4):
            str(Post.objects.get(title="post 0.0").author.name)

    assert judged(run) == []


def test_a_helper_is_the_query_and_its_callers_loop_the_loop():
    def named(post):
        return post.author.name  # Q

    def run():
        for post in Post.objects.all():  # L W
            named(post)

    says(run, "Post.author", 8, 'select_related("author")', more=[named])


def test_a_helper_of_two_loops_has_two_findings():
    def named(post):
        return post.author.name  # Q

    def run():
        for post in Post.objects.all():  # L
            named(post)
        for post in Post.objects.all():  # L2
            named(post)

    found = judged(run)
    marks = marked(run)
    assert [place(one.loop) for one in found] == [marks["L"], marks["L2"]]
    assert [one.count for one in found] == [8, 8]


def test_a_comprehension_and_map():
    def comprehended():
        return [post.author.name for post in Post.objects.all()]  # L Q W

    def named(post):
        return post.author.name  # Q

    def mapped():
        return list(map(named, Post.objects.all()))  # L W

    says(comprehended, "Post.author", 8, 'select_related("author")')
    says(mapped, "Post.author", 8, 'select_related("author")', more=[named])


def test_one_prefetch_for_each_row():
    def run():
        for post in Post.objects.all():  # L W
            prefetch_related_objects([post], "author")  # Q

    def fixed():
        posts = list(Post.objects.all())
        prefetch_related_objects(posts, "author")

    says(run, "Post.author", 8, 'prefetch_related_objects(posts, "author")', fixed=fixed)


def test_a_key_of_the_rows_of_an_inner_loop():
    def run():
        for user in User.objects.prefetch_related("posts__comment_set"):
            for post in user.posts.all():
                for comment in post.comment_set.all():
                    str(comment.post.title)

    assert judged(run) == []


def test_a_key_of_rows_that_are_loaded_for_each_row():
    def run():
        for user in User.objects.all():  # W
            for post in user.posts.all():  # L
                str(post.editor.name)  # Q

    found = {one.relation: one for one in judged(run)}
    assert set(found) == {"User.posts", "Post.editor"}
    fix = found["Post.editor"].fix
    assert same_code(fix, 'select_related("editor")')
    assert same_code(fix, 'prefetch_related("posts__editor")')
    assert place(found["Post.editor"].where) == marked(run)["L"]
    assert place(found["User.posts"].where) == marked(run)["W"]


def test_backwards_and_forwards():
    def run():
        for comment in Comment.objects.select_related("post"):  # L W
            str(comment.post.author.profile)  # Q

    found = {one.relation: one.fix for one in judged(run)}
    assert same_code(found["Post.author"], 'select_related("post__author")')
    assert same_code(found["User.profile"], 'select_related("post__author__profile")')


def test_of_two_rows_of_one_model_it_is_the_one_that_the_variable_is():
    def run():
        for post in Post.objects.select_related("author", "editor"):  # L W
            one = post.editor
            str(one.profile)  # Q

    def fixed():
        for post in Post.objects.select_related("author", "editor__profile"):
            str(post.editor.profile)

    says(run, "User.profile", 8, 'select_related("editor__profile")', fixed=fixed)


def test_a_row_of_the_same_model_is_told_from_its_own_by_the_variable():
    def run():
        for one in Curious.objects.all():
            other = one.other
            str(other.other.name)

    chain = [Curious.objects.create(name=f"{n}") for n in range(4)]
    for one, other in zip(chain, chain[1:] + chain[:1], strict=True):
        Curious.objects.filter(pk=one.pk).update(other=other.pk)
    first, second = judged(run)
    assert same_code(first.fix, 'select_related("other")')
    assert same_code(second.fix, 'select_related("other__other")')


def test_a_key_of_rows_that_are_prefetched_to_an_attribute():
    few = Prefetch("posts", queryset=Post.objects.filter(score=1), to_attr="few")

    def run():
        for user in User.objects.prefetch_related(few):  # L W
            for post in user.few:
                str(post.editor.name)  # Q

    def fixed():
        for user in User.objects.prefetch_related(few, "few__editor"):
            for post in user.few:
                str(post.editor.name)

    says(run, "Post.editor", 4, 'prefetch_related("few__editor")', fixed=fixed)


@pytest.mark.parametrize("names", [(), ("target",)])
def test_a_key_behind_a_generic_one(names):
    def run():
        for tag in Tag.objects.filter(word="new").prefetch_related(*names):  # L W
            str(tag.target.author.name)  # Q

    def fixed():
        for tag in Tag.objects.filter(word="new").prefetch_related("target__author"):
            str(tag.target.author.name)

    found = {one.relation: one for one in judged(run)}
    assert same_code(found["Post.author"].fix, 'prefetch_related("target__author")')
    assert place(found["Post.author"].where) == marked(run)["W"]
    assert judged(fixed) == []


def test_a_key_beyond_only():
    def run():
        for post in Post.objects.only("title"):  # L W
            str(post.author.name)  # Q

    def fixed():
        for post in Post.objects.only("title", "author").select_related("author"):
            str(post.author.name)

    found = {one.relation: one.fix for one in judged(run)}
    assert same_code(found["Post.author"], 'select_related("author").only("title", "author")')
    assert same_code(found["Post.author_id"], 'only("title", "author")')
    assert judged(fixed) == []


def test_a_key_to_the_model_itself():
    last = None
    for n in range(5):
        last = Curious.objects.create(name=f"{n}", other=last)

    def run():
        for one in Curious.objects.exclude(other=None):  # L W
            str(one.other.name)  # Q

    def chained():
        for one in Curious.objects.exclude(other__other=None):  # L W
            str(one.other.other.name)  # Q

    def fixed():
        for one in Curious.objects.exclude(other__other=None).select_related("other__other"):
            str(one.other.other.name)

    says(run, "Curious.other", 4, 'select_related("other")')
    says(chained, "Curious.other", 6, 'select_related("other__other")', fixed=fixed)


def test_a_tree():
    top = Curious.objects.create(name="top")
    for n in range(3):
        Curious.objects.create(name=f"{n}", other=top)

    def walk(node):
        for child in node.curious_set.all():  # Q L
            walk(child)

    (finding,) = judged(lambda: walk(top))
    assert (finding.kind, finding.relation, finding.count) == (
        "n_plus_one",
        "Curious.curious_set",
        4,
    )
    assert place(finding.query) == marked(walk)["Q"]


def test_lookups_in_a_signal_are_the_handlers():
    def handler(sender, instance, **kwargs):
        City.objects.filter(name=instance.name).exists()  # Q

    def run():
        for user in User.objects.all():  # L
            list(User.objects.filter(pk=user.pk))

    post_init.connect(handler, sender=User)
    try:
        found = judged(run)
    finally:
        post_init.disconnect(handler, sender=User)
    assert marked(handler)["Q"] in {place(one.query) for one in found}


def test_statements_of_a_load_that_are_not_its_own():
    def handler(sender, instance, **kwargs):
        City.objects.filter(name=instance.name).exists()  # Q2

    def run():
        for post in Post.objects.all():  # L
            str(post.author.name)  # Q

    post_init.connect(handler, sender=User)
    try:
        found = {one.relation: one for one in judged(run)}
    finally:
        post_init.disconnect(handler, sender=User)
    marks = marked(run, handler)
    assert place(found["Post.author"].query) == marks["Q"]
    assert place(found[""].query) == marks["Q2"]
    assert found[""].elements == 4


def test_a_chain_of_rows_that_share_their_parent():
    user = User.objects.get(name="user 0")

    def run():
        for post in Post.objects.select_related("author").filter(author=user):  # L W
            str(post.author.profile)  # Q

    finding = says(run, "User.profile", 2, 'select_related("author__profile")')
    assert finding.elements == 2


def test_two_ways_to_one_relation_on_one_line_have_a_fix_each():
    def run():
        for post in Post.objects.select_related("author", "editor"):  # L W
            str((post.author.profile, post.editor.profile))  # Q

    def fixed():
        for post in Post.objects.select_related("author__profile", "editor__profile"):
            str((post.author.profile, post.editor.profile))

    code = 'select_related("author__profile")', 'select_related("editor__profile")'
    says(run, "User.profile", 16, *code, fixed=fixed)


def test_rows_that_are_loaded_again_in_each_pass_are_no_n_plus_one():
    def run():
        for _ in range(4):
            str(Post.objects.order_by("pk")[0].author.name)
            for post in Post.objects.order_by("pk")[:1]:
                str(post.editor.name)

    assert [one.kind for one in judged(run) if one.kind != "repeated_query"] == []
