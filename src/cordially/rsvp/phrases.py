"""Every text of the guest's page, in the languages it speaks.

A table instead of gettext: it needs no compiler at build time, and mypy sees a phrase that is missing.
Nothing here guesses a gender: guests are addressed in the plural or not at all. What counts something has
a text for each plural category of CLDR that the language has (`other` always).
"""

from __future__ import annotations

from dataclasses import dataclass

from babel import Locale

#: plural category -> text with {n}
Counted = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrases:
    language: str
    # the invitation
    dear: str
    invitation: str
    show_way: str
    add_calendar: str
    # the form
    question: str
    may_change: str
    yes: str
    no: str
    maybe: str
    how_many: str
    seats: Counted
    fewer: str
    more: str
    note: str
    optional: str
    note_hint: str
    send: str
    #: with {coming}; on the button when the script knows the number
    send_count: str
    # after answering
    thanks: str
    thanks_no: str
    thanks_maybe: str
    coming: Counted
    #: instead of `coming` when the invitation is for one
    coming_alone: str
    #: with {answer}
    recorded: str
    your_answer: str
    your_word: str
    answered: str
    change: str
    # the rest
    foot: str
    closed_title: str
    #: with {when}
    closed: str
    #: with {when}, the last day
    too_late: str
    #: with {contact}
    ask: str
    ask_in_chat: str
    lost_title: str
    lost: str
    #: too many answers at once
    wait_title: str
    wait: str
    # what can't be taken
    choose: str
    heads_needed: str
    #: with {no}
    heads_none: str
    #: with {seats}
    heads_many: str
    #: with {n}, {max} and {over}
    note_long: str

    def counted(self, texts: Counted, n: int) -> str:
        category = Locale.parse(self.language).plural_form(n)
        return texts.get(category, texts["other"]).format(n=n)

    def label(self, reply: str) -> str:
        return {"yes": self.yes, "no": self.no, "maybe": self.maybe}[reply]


_ALL = [
    Phrases(
        language="en",
        dear="Dear {name},",
        invitation="we would love to have you with us",
        show_way="Show the way",
        add_calendar="Add to calendar",
        question="Will you come?",
        may_change="You can change your answer until it begins.",
        yes="With joy, yes",
        no="Sadly, no",
        maybe="We can’t say yet",
        how_many="How many?",
        seats={"one": "{n} seat is kept for you", "other": "{n} seats are kept for you"},
        fewer="One less",
        more="One more",
        note="A word to your hosts",
        optional="optional",
        note_hint="Allergies, a song, a wish",
        send="Send the answer",
        send_count="Answer: {coming}",
        thanks="Thank you.",
        thanks_no="Thank you for telling us.",
        thanks_maybe="Please answer again when you know.",
        coming={"one": "{n} person is coming", "other": "{n} people are coming"},
        coming_alone="You are coming",
        recorded="Your hosts have your answer: “{answer}”.",
        your_answer="Your answer",
        your_word="Your word to them",
        answered="Answered",
        change="Change the answer",
        foot="This page is for you alone, so please don’t pass the link on. "
        "Questions? Write in the chat where you found it.",
        closed_title="Answers are closed",
        closed="It began on {when}. Answers were taken until then.",
        too_late="Answers were taken until {when}.",
        ask="If something changes, please ask {contact}.",
        ask_in_chat="If something changes, please write in the chat where you found this link.",
        lost_title="This link isn’t complete",
        lost="A part of it may be missing, or it is no longer good. "
        "Open it once more from the message, or ask for a new one in the chat where you found it.",
        wait_title="One moment, please",
        wait="Many answers came from this page just now. Wait a minute and send yours once more; "
        "the last one that was taken counts.",
        choose="Choose one of the three answers.",
        heads_needed="Write how many are coming, as a number.",
        heads_none="If nobody is coming, choose “{no}”.",
        heads_many="{seats}, and not more. If you are more, write in the chat where you found the link.",
        note_long="This is {n} characters long and {max} fit. Shorten it by {over}.",
    ),
    Phrases(
        language="he",
        dear="שלום {name},",
        invitation="נשמח מאוד לראותכם איתנו",
        show_way="איך מגיעים",
        add_calendar="הוספה ליומן",
        question="תגיעו?",
        may_change="אפשר לשנות את התשובה עד תחילת האירוע.",
        yes="כן, בשמחה",
        no="לצערנו לא",
        maybe="עוד לא יודעים",
        how_many="כמה מגיעים?",
        seats={
            "one": "שמרנו לכם מקום אחד",
            "two": "שמרנו לכם שני מקומות",
            "other": "שמרנו לכם {n} מקומות",
        },
        fewer="פחות אחד",
        more="עוד אחד",
        note="כמה מילים למארחים",
        optional="לא חובה",
        note_hint="רגישויות, שיר, ברכה",
        send="שליחת התשובה",
        send_count="לשלוח: {coming}",
        thanks="תודה.",
        thanks_no="תודה שהודעתם לנו.",
        thanks_maybe="נשמח לתשובה כשתדעו.",
        coming={"one": "מגיעים, אדם אחד", "two": "מגיעים שניים", "other": "מגיעים {n}"},
        coming_alone="מחכים לכם",
        recorded="התשובה שלכם אצל המארחים: ”{answer}“.",
        your_answer="התשובה שלכם",
        your_word="המילים שלכם",
        answered="נשלח",
        change="שינוי התשובה",
        foot="הדף הזה הוא רק בשבילכם, אז בבקשה לא להעביר את הקישור. שאלות? כתבו בצ׳אט שבו קיבלתם אותו.",
        closed_title="אי אפשר לענות יותר",
        closed="האירוע התחיל ב־{when}. אפשר היה לענות עד אז.",
        too_late="אפשר היה לענות עד {when}.",
        ask="אם משהו משתנה, אפשר לפנות אל {contact}.",
        ask_in_chat="אם משהו משתנה, כתבו בצ׳אט שבו קיבלתם את הקישור.",
        lost_title="הקישור אינו שלם",
        lost="אולי חסר בו חלק, או שהוא כבר לא בתוקף. "
        "פתחו אותו שוב מההודעה, או בקשו קישור חדש בצ׳אט שבו קיבלתם אותו.",
        wait_title="רק רגע",
        wait="הרבה תשובות נשלחו מהדף הזה ברגע האחרון. חכו דקה ושלחו שוב; התשובה האחרונה שהתקבלה היא הקובעת.",
        choose="בחרו באחת משלוש התשובות.",
        heads_needed="כתבו במספר כמה מגיעים.",
        heads_none="אם אף אחד לא מגיע, בחרו ”{no}“.",
        heads_many="{seats}, ולא יותר. אם אתם יותר, כתבו בצ׳אט שבו קיבלתם את הקישור.",
        note_long="יש כאן {n} תווים, ונכנסים {max}. יש לקצר ב־{over}.",
    ),
    Phrases(
        language="ar",
        dear="مرحبًا {name}،",
        invitation="يسعدنا كثيرًا حضوركم معنا",
        show_way="طريق الوصول",
        add_calendar="إضافة إلى التقويم",
        question="هل ستحضرون؟",
        may_change="يمكن تغيير الجواب حتى بداية المناسبة.",
        yes="نعم، بكل سرور",
        no="للأسف، لا",
        maybe="لا نعرف بعد",
        how_many="كم شخصًا سيحضر؟",
        seats={
            "one": "حجزنا لكم مقعدًا واحدًا",
            "two": "حجزنا لكم مقعدين",
            "few": "حجزنا لكم {n} مقاعد",
            "many": "حجزنا لكم {n} مقعدًا",
            "other": "حجزنا لكم {n} مقعد",
        },
        fewer="أقل بواحد",
        more="أكثر بواحد",
        note="كلمة إلى أصحاب الدعوة",
        optional="اختياري",
        note_hint="حساسية من طعام، أغنية، أمنية",
        send="إرسال الجواب",
        send_count="إرسال: {coming}",
        thanks="شكرًا لكم.",
        thanks_no="شكرًا لإخبارنا.",
        thanks_maybe="نرجو أن تجيبوا من جديد حين تعرفون.",
        coming={
            "one": "سيحضر شخص واحد",
            "two": "سيحضر شخصان",
            "few": "سيحضر {n} أشخاص",
            "many": "سيحضر {n} شخصًا",
            "other": "سيحضر {n} شخص",
        },
        coming_alone="نحن بانتظاركم",
        recorded="وصل جوابكم إلى أصحاب الدعوة: «{answer}».",
        your_answer="جوابكم",
        your_word="كلمتكم",
        answered="وقت الجواب",
        change="تغيير الجواب",
        foot="هذه الصفحة لكم وحدكم، فنرجو عدم مشاركة الرابط. للأسئلة: اكتبوا في المحادثة التي وصلكم فيها.",
        closed_title="انتهى وقت الجواب",
        closed="بدأت المناسبة في {when}، وكان الجواب ممكنًا حتى ذلك الوقت.",
        too_late="كان الجواب ممكنًا حتى {when}.",
        ask="إذا تغيّر شيء، يُرجى سؤال {contact}.",
        ask_in_chat="إذا تغيّر شيء، اكتبوا في المحادثة التي وصلكم فيها الرابط.",
        lost_title="الرابط غير مكتمل",
        lost="ربما ينقص جزء منه، أو لم يعد صالحًا. "
        "افتحوه مرة أخرى من الرسالة، أو اطلبوا رابطًا جديدًا في المحادثة التي وصلكم فيها.",
        wait_title="لحظة من فضلكم",
        wait="وصلت أجوبة كثيرة من هذه الصفحة الآن. انتظروا دقيقة ثم أرسلوا جوابكم مرة أخرى؛ يُحسب "
        "آخر جواب استُلم.",
        choose="اختاروا واحدًا من الأجوبة الثلاثة.",
        heads_needed="اكتبوا عدد الحاضرين رقمًا.",
        heads_none="إن لم يحضر أحد، اختاروا «{no}».",
        heads_many="{seats}، لا أكثر. إن كنتم أكثر، اكتبوا في المحادثة التي وصلكم فيها الرابط.",
        note_long="عدد الحروف هنا {n} والحد الأقصى {max}. المطلوب تقصيرها بمقدار {over}.",
    ),
    Phrases(
        language="es",
        dear="Hola, {name}:",
        invitation="sería una gran alegría contar con su presencia",
        show_way="Cómo llegar",
        add_calendar="Añadir al calendario",
        question="¿Vendrán?",
        may_change="La respuesta se puede cambiar hasta el comienzo.",
        yes="Sí, con alegría",
        no="Por desgracia, no",
        maybe="Aún no se sabe",
        how_many="¿Cuántas personas?",
        seats={"one": "Hay {n} lugar reservado", "other": "Hay {n} lugares reservados"},
        fewer="Una menos",
        more="Una más",
        note="Unas palabras para quienes invitan",
        optional="opcional",
        note_hint="Alergias, una canción, un deseo",
        send="Enviar la respuesta",
        send_count="Enviar: {coming}",
        thanks="Gracias.",
        thanks_no="Gracias por avisar.",
        thanks_maybe="Esperamos la respuesta definitiva.",
        coming={"one": "viene {n} persona", "other": "vienen {n} personas"},
        coming_alone="Contamos con su presencia",
        recorded="La respuesta ha llegado a quienes invitan: «{answer}».",
        your_answer="Su respuesta",
        your_word="Sus palabras",
        answered="Respondido",
        change="Cambiar la respuesta",
        foot="Esta página es personal; por favor, no comparta el enlace. "
        "¿Preguntas? Escriba en el chat donde lo recibió.",
        closed_title="Ya no se puede responder",
        closed="Comenzó el {when}. Se podía responder hasta entonces.",
        too_late="Se podía responder hasta el {when}.",
        ask="Si algo cambia, pregunte a {contact}.",
        ask_in_chat="Si algo cambia, escriba en el chat donde recibió este enlace.",
        lost_title="El enlace no está completo",
        lost="Puede que le falte una parte o que ya no sea válido. "
        "Ábralo otra vez desde el mensaje o pida uno nuevo en el chat donde lo recibió.",
        wait_title="Un momento, por favor",
        wait="Acaban de llegar muchas respuestas desde esta página. Espere un minuto y envíe la "
        "suya otra vez; cuenta la última que se recibió.",
        choose="Elija una de las tres respuestas.",
        heads_needed="Escriba con un número cuántas personas vendrán.",
        heads_none="Si no viene nadie, elija «{no}».",
        heads_many="{seats}, no más. Si son más, escriba en el chat donde recibió el enlace.",
        note_long="Son {n} caracteres y caben {max}. Acorte el texto en {over}.",
    ),
    Phrases(
        language="pt",
        dear="Olá, {name},",
        invitation="será uma grande alegria contar com a sua presença",
        show_way="Como chegar",
        add_calendar="Adicionar ao calendário",
        question="Podemos contar com a sua presença?",
        may_change="A resposta pode ser alterada até o início.",
        yes="Sim, com alegria",
        no="Infelizmente, não",
        maybe="Ainda não sabemos",
        how_many="Quantas pessoas?",
        seats={"one": "Há {n} lugar reservado", "other": "Há {n} lugares reservados"},
        fewer="Uma a menos",
        more="Uma a mais",
        note="Uma palavra para quem convida",
        optional="opcional",
        note_hint="Alergias, uma música, um desejo",
        send="Enviar a resposta",
        send_count="Enviar: {coming}",
        thanks="Agradecemos.",
        thanks_no="Agradecemos o aviso.",
        thanks_maybe="Esperamos a resposta definitiva.",
        coming={"one": "vem {n} pessoa", "other": "vêm {n} pessoas"},
        coming_alone="Contamos com a sua presença",
        recorded="A resposta chegou a quem convida: “{answer}”.",
        your_answer="A sua resposta",
        your_word="As suas palavras",
        answered="Respondido",
        change="Alterar a resposta",
        foot="Esta página é pessoal; por favor, não partilhe o link. "
        "Perguntas? Escreva na conversa onde o recebeu.",
        closed_title="Já não é possível responder",
        closed="Começou em {when}. Era possível responder até então.",
        too_late="Era possível responder até {when}.",
        ask="Se algo mudar, fale com {contact}.",
        ask_in_chat="Se algo mudar, escreva na conversa onde recebeu este link.",
        lost_title="O link não está completo",
        lost="Pode faltar uma parte ou já não ser válido. "
        "Abra-o outra vez a partir da mensagem ou peça um novo na conversa onde o recebeu.",
        wait_title="Um momento, por favor",
        wait="Chegaram agora muitas respostas desta página. Espere um minuto e envie a sua outra "
        "vez; conta a última que foi recebida.",
        choose="Escolha uma das três respostas.",
        heads_needed="Escreva com um número quantas pessoas vêm.",
        heads_none="Se não vem ninguém, escolha “{no}”.",
        heads_many="{seats}, não mais. Se forem mais, escreva na conversa onde recebeu o link.",
        note_long="São {n} caracteres e cabem {max}. Encurte o texto em {over}.",
    ),
    Phrases(
        language="fr",
        dear="Bonjour {name},",
        invitation="nous serions très heureux de vous compter parmi nous",
        show_way="Comment venir",
        add_calendar="Ajouter au calendrier",
        question="Viendrez-vous ?",
        may_change="Vous pouvez changer de réponse jusqu’au début.",
        yes="Oui, avec joie",
        no="Hélas, non",
        maybe="Nous ne savons pas encore",
        how_many="Combien ?",
        seats={"one": "{n} place vous est réservée", "other": "{n} places vous sont réservées"},
        fewer="Une de moins",
        more="Une de plus",
        note="Un mot pour vos hôtes",
        optional="facultatif",
        note_hint="Allergies, une chanson, un vœu",
        send="Envoyer la réponse",
        send_count="Envoyer : {coming}",
        thanks="Merci.",
        thanks_no="Merci de nous avoir prévenus.",
        thanks_maybe="Répondez à nouveau quand vous saurez.",
        coming={"one": "{n} personne vient", "other": "{n} personnes viennent"},
        coming_alone="Nous vous attendons",
        recorded="Vos hôtes ont votre réponse : « {answer} ».",
        your_answer="Votre réponse",
        your_word="Votre mot",
        answered="Répondu",
        change="Changer la réponse",
        foot="Cette page est pour vous seuls ; merci de ne pas transmettre le lien. "
        "Des questions ? Écrivez dans la discussion où vous l’avez reçu.",
        closed_title="Il n’est plus possible de répondre",
        closed="Début : {when}. Les réponses étaient possibles jusque-là.",
        too_late="Les réponses étaient possibles jusqu’au {when}.",
        ask="Si quelque chose change, adressez-vous à {contact}.",
        ask_in_chat="Si quelque chose change, écrivez dans la discussion où vous avez reçu ce lien.",
        lost_title="Le lien n’est pas complet",
        lost="Il en manque peut-être une partie, ou il n’est plus valable. "
        "Ouvrez-le à nouveau depuis le message, ou demandez-en un autre "
        "dans la discussion où vous l’avez reçu.",
        wait_title="Un instant, s’il vous plaît",
        wait="Beaucoup de réponses viennent d’arriver de cette page. Attendez une minute et "
        "envoyez la vôtre à nouveau ; la dernière reçue compte.",
        choose="Choisissez l’une des trois réponses.",
        heads_needed="Écrivez en chiffres combien vous serez.",
        heads_none="Si personne ne vient, choisissez « {no} ».",
        heads_many="{seats}, pas davantage. Si vous êtes plus, "
        "écrivez dans la discussion où vous avez reçu le lien.",
        note_long="Ce texte a {n} caractères et la place en compte {max}. Raccourcissez-le de {over}.",
    ),
    Phrases(
        language="de",
        dear="Hallo {name},",
        invitation="es wäre eine große Freude, diesen Tag gemeinsam zu feiern",
        show_way="Weg zeigen",
        add_calendar="In den Kalender",
        question="Zusage oder Absage?",
        may_change="Die Antwort lässt sich bis zum Beginn ändern.",
        yes="Ja, sehr gern",
        no="Leider nein",
        maybe="Noch nicht klar",
        how_many="Wie viele?",
        seats={"one": "{n} Platz ist reserviert", "other": "{n} Plätze sind reserviert"},
        fewer="Eins weniger",
        more="Eins mehr",
        note="Ein paar Worte an die Gastgeber",
        optional="freiwillig",
        note_hint="Allergien, ein Lied, ein Wunsch",
        send="Antwort senden",
        send_count="Senden: {coming}",
        thanks="Danke.",
        thanks_no="Danke für die Nachricht.",
        thanks_maybe="Die endgültige Antwort geht auch später hier.",
        coming={"one": "{n} Person kommt", "other": "{n} Personen kommen"},
        coming_alone="Die Zusage ist da",
        recorded="Die Antwort ist bei den Gastgebern: „{answer}“.",
        your_answer="Antwort",
        your_word="Worte dazu",
        answered="Geantwortet",
        change="Antwort ändern",
        foot="Diese Seite ist persönlich; den Link bitte nicht weitergeben. "
        "Fragen? Bitte im Chat stellen, in dem der Link kam.",
        closed_title="Antworten geht nicht mehr",
        closed="Beginn war am {when}. Bis dahin waren Antworten möglich.",
        too_late="Antworten waren bis zum {when} möglich.",
        ask="Wenn sich etwas ändert, hilft {contact} weiter.",
        ask_in_chat="Wenn sich etwas ändert, bitte in dem Chat schreiben, in dem dieser Link stand.",
        lost_title="Der Link ist nicht vollständig",
        lost="Vielleicht fehlt ein Teil, oder er gilt nicht mehr. "
        "Bitte noch einmal aus der Nachricht öffnen, oder im selben Chat um einen neuen bitten.",
        wait_title="Einen Moment, bitte",
        wait="Von dieser Seite kamen eben viele Antworten. Bitte eine Minute warten und noch "
        "einmal senden; es zählt die letzte, die angekommen ist.",
        choose="Bitte eine der drei Antworten wählen.",
        heads_needed="Bitte als Zahl schreiben, wie viele kommen.",
        heads_none="Wenn niemand kommt, bitte „{no}“ wählen.",
        heads_many="{seats}, mehr nicht. Für mehr bitte in den Chat schreiben, in dem der Link kam.",
        note_long="Das sind {n} Zeichen, und {max} passen. Bitte um {over} kürzen.",
    ),
]

PHRASES = {phrases.language: phrases for phrases in _ALL}
